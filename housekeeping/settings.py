"""Where the stores are that housekeeping looks after."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from servicekit.settings import (
    DatabaseUrl,
    EnvironmentSettings,
    RedisUrl,
    its_audit,
    its_database,
    redis_of,
)


class HousekeepingSettings(EnvironmentSettings):
    # Both URLs hold passwords.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    database_url: DatabaseUrl = its_database()
    queue_redis_url: RedisUrl = redis_of("queue-redis")
    audit_directory: Path = its_audit()
