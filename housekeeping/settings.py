"""Where the stores are that housekeeping looks after."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from servicekit.settings import (
    DatabaseUrl,
    EnvironmentSettings,
    RedisUrl,
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
