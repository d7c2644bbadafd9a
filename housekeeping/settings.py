"""Where the stores are that housekeeping looks after."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr

from servicekit.settings import (
    DatabaseUrl,
    EnvironmentSettings,
    HttpUrl,
    RedisUrl,
    embedded_archive_folder,
    embedded_audit_folder,
    embedded_backup_folder,
    embedded_database,
    embedded_redis,
)


class HousekeepingSettings(EnvironmentSettings):
    # Both URLs hold passwords.
    model_config = ConfigDict(hide_input_in_errors=True)

    database_url: DatabaseUrl = embedded_database()
    queue_redis_url: RedisUrl = embedded_redis("queue-redis")
    audit_directory: Path = embedded_audit_folder()
    archive_directory: Path = embedded_archive_folder()
    # Counted from when it was stored, which is when it reached its end.
    purge_orders_months: Annotated[int, Field(ge=1)] = 24
    purge_audit_days: Annotated[int, Field(ge=1)] = 90

    backup_directory: Path = embedded_backup_folder()
    # s3://bucket/prefix: backups go to a store that speaks S3 and the folder above is only where
    # they are made and looked at. Without keys the client looks for credentials itself, as for the
    # role of a machine or of a pod.
    backup_s3_url: Annotated[str, Field(pattern=r"^(s3://[a-z0-9.-]{3,63}(/[^\s?#]*)?)?$")] = ""
    backup_s3_endpoint: HttpUrl | Literal[""] = ""
    backup_s3_region: str = ""
    backup_s3_access_key_id: SecretStr = SecretStr("")
    backup_s3_secret_access_key: SecretStr = SecretStr("")
    backup_s3_ca_file: Path | None = None

    # Accounts that may read everything, and that may make schemas and tables; by default the one
    # above, which on MySQL may do neither.
    backup_database_url: DatabaseUrl | None = None
    restore_database_url: DatabaseUrl | None = None
    # A public key of age or OpenPGP, and the private key to it: as text, or as a file by
    # BACKUP_RECIPIENT_FILE and BACKUP_IDENTITY_FILE.
    backup_recipient: str = ""
    backup_identity: SecretStr = SecretStr("")
