"""What backups leave in the metrics."""

from collections.abc import Iterable

from contracts import telemetry
from housekeeping.backups.manifest import Manifest
from housekeeping.backups.store import Backup
from housekeeping.measurements import set_gauge


def record_backup(manifest: Manifest) -> None:
    set_gauge(telemetry.BACKUP_SIZE, manifest.size)
    set_gauge(telemetry.BACKUP_ROWS, manifest.rows)


def record_newest_verified(backups: Iterable[Backup]) -> None:
    """Of all there are, the oldest first; nothing is said if none is good."""
    moments = [one.manifest.snapshot_at for one in backups if one.is_good and one.manifest]
    if moments:
        set_gauge(telemetry.BACKUP_NEWEST_VERIFIED, moments[-1].timestamp())
