"""Where backups go by the settings."""

from housekeeping.backups.folder import FolderStore
from housekeeping.backups.s3.store import S3Store
from housekeeping.backups.store import Store
from housekeeping.settings import HousekeepingSettings


def open_store(settings: HousekeepingSettings) -> Store:
    if settings.backup_s3_url:
        return S3Store(settings)
    return FolderStore(settings.backup_directory)
