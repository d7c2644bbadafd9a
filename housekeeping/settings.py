"""Where the stores are that housekeeping looks after."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from servicekit.settings import EnvironmentSettings


class HousekeepingSettings(EnvironmentSettings):
    # Both URLs hold passwords.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    database_url: str = "sqlite:///var/arloji.db"
    queue_redis_url: str = "redis://127.0.0.1:8090/0"
    audit_directory: Path = Path("var/audit")
