"""Where the stores are that housekeeping looks after."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from servicekit.settings import (
    DatabaseUrl,
    EnvironmentSettings,
    RedisUrl,
    embedded_archive_folder,
    embedded_audit_folder,
    embedded_backup_folder,
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
    purge_audit_days: Annotated[int, Field(ge=1)] = 90

    backup_directory: Path = embedded_backup_folder()
    # Accounts that may read everything, and that may make schemas and tables; by default the one
    # above, which on MySQL may do neither.
    backup_database_url: DatabaseUrl | None = None
    restore_database_url: DatabaseUrl | None = None
    # A public key of age or OpenPGP, and the private key to it: as text, or as a file by
    # BACKUP_RECIPIENT_FILE and BACKUP_IDENTITY_FILE.
    backup_recipient: str = ""
    backup_identity: SecretStr = SecretStr("")
