"""Which backup was restored last: orders that were stored after it are no riddle."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ValidationError

from housekeeping.backups.folder import write_whole
from housekeeping.backups.manifest import Manifest

_NAME = "restored.json"
# An order's time is that of its request, a little before its entry.
_UNDER_WAY = timedelta(seconds=10)


class Restored(BaseModel):
    name: str
    # Whatever was stored before is there: what waited then was stored later.
    complete_until: datetime
    restored_at: datetime
    previous: str | None

    @classmethod
    def of(cls, manifest: Manifest, previous: str | None, moment: datetime) -> Self:
        until = manifest.snapshot_at
        if manifest.queue and manifest.queue.oldest_entry:
            milliseconds = int(manifest.queue.oldest_entry.partition("-")[0])
            until = min(until, datetime.fromtimestamp(milliseconds / 1000, UTC))
        return cls(
            name=manifest.name,
            complete_until=until - _UNDER_WAY,
            restored_at=moment,
            previous=previous,
        )

    def explains(self, accepted_at: datetime) -> bool:
        """Whether an order of that moment may be missing because the backup is older."""
        return self.complete_until <= accepted_at <= self.restored_at


def write_restored(folder: Path, restored: Restored) -> None:
    write_whole(folder / _NAME, restored.model_dump_json() + "\n")


def read_restored(folder: Path) -> Restored | None:
    try:
        return Restored.model_validate_json((folder / _NAME).read_bytes())
    except (OSError, ValidationError):
        return None
