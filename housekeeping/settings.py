"""Where the stores are that housekeeping looks after."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from servicekit.settings import (
    DatabaseUrl,
    EnvironmentSettings,
    RedisUrl,
    embedded_archive_folder,
    embedded_audit_folder,
    embedded_database,
    embedded_redis,
)


class HousekeepingSettings(EnvironmentSettings):
    # Both URLs hold passwords.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    database_url: DatabaseUrl = embedded_database()
    queue_redis_url: RedisUrl = embedded_redis("queue-redis")
    audit_directory: Path = embedded_audit_folder()
    archive_directory: Path = embedded_archive_folder()
    # Counted from when it was stored, which is when it reached its end.
    purge_orders_months: Annotated[int, Field(ge=1)] = 24
