"""Where backups are, and what is known of each: the same for a folder and for a store that speaks
S3."""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from housekeeping.backups.manifest import (
    Damaged,
    Level,
    Manifest,
    StoredFile,
    Verified,
    unseal,
)

MANIFEST, _VERIFIED, _DAMAGED = "manifest.json", "verified.json", "damaged.json"
# Copies of binary logs, which are no backups.
LOGS = "-binlog"
IS_NAME = re.compile(r"\d{8}T\d{6}Z-\w+$")
M = TypeVar("M", bound=BaseModel)


class Store(Protocol):
    """Backups by their names, each a few files. `str()` says where. Raises `CouldNot`."""

    work: Path
    """A folder on this machine, for what is not finished and for what is looked at."""

    def require(self) -> None:
        """Raises `CouldNot` if there is no such place."""

    def prepare(self) -> None:
        """Make the place if it is missing."""

    def free(self) -> int | None:
        """Bytes that there is room for, None if nobody knows."""

    def files(self) -> Mapping[str, Mapping[str, int]]:
        """Of each backup and of each copy of logs the files, with their sizes."""

    def read(self, name: str, file: str) -> bytes:
        """A small file. Raises OSError if it is not there."""

    def write(self, name: str, file: str, text: str) -> None:
        """A small file: the old content or the new one, never a part of it."""

    def forget(self, name: str, file: str) -> None:
        """Remove a small file, which need not be there."""

    def fetched(self, name: str, files: Sequence[StoredFile]) -> AbstractContextManager[Path]:
        """A folder with those of these files that are there; only to be read."""

    def finish(self, unfinished: Path, name: str, files: Sequence[str], manifest: str) -> None:
        """From here on it is there, whole, also after a power cut; the folder is used up."""

    def remove(self, name: str) -> None:
        """Half of it never looks like a backup."""

    def remove_leftovers(self) -> list[str]:
        """What a run that was ended by force has left; under the lock for writing only."""

    def locked(
        self, purpose: str, command: str, *, shared: bool = False
    ) -> AbstractContextManager[None]:
        """Raises `CouldNot`, which names who holds the lock."""


@dataclass(frozen=True, eq=False)
class Backup:
    """`manifest` is None if it cannot be read: then the backup is damaged."""

    store: Store
    name: str
    files: Mapping[str, int]
    manifest: Manifest | None
    verified: Verified | None
    damaged: Damaged | None

    @property
    def is_good(self) -> bool:
        """Verified, and nothing was found since."""
        return self.manifest is not None and self.verified is not None and self.damaged is None

    @property
    def sequence(self) -> int:
        return self.manifest.sequence if self.manifest else 0

    @property
    def moment(self) -> datetime:
        """By its name, which the manifest confirms, as one that is damaged may have none."""
        return datetime.strptime(self.name[:16], "%Y%m%dT%H%M%SZ")

    def fetched(self) -> AbstractContextManager[Path]:
        return self.store.fetched(self.name, self.manifest.files if self.manifest else [])

    def note_verified(self, level: Level, seconds: float) -> None:
        """A drill is not forgotten for a verification that looked less far."""
        moment = datetime.now(UTC)
        if self.verified and self.verified.level is Level.DRILL:
            level = Level.DRILL
        found = Verified(verified_at=moment, level=level, seconds=round(seconds, 3))
        self.store.write(self.name, _VERIFIED, found.model_dump_json() + "\n")
        if _DAMAGED in self.files:
            self.store.forget(self.name, _DAMAGED)

    def note_damaged(self, faults: list[str]) -> None:
        found = Damaged(found_at=datetime.now(UTC), faults=faults)
        self.store.write(self.name, _DAMAGED, found.model_dump_json() + "\n")


def list_backups(store: Store) -> list[Backup]:
    """The oldest first: by number, since a clock may have been set back, and one whose manifest
    cannot be read by its name among them. A place that does not exist has none."""
    found = [
        _read_backup(store, name, files)
        for name, files in store.files().items()
        if not name.endswith(LOGS)
    ]
    ordered = sorted(
        (one for one in found if one.manifest), key=lambda one: (one.sequence, one.name)
    )
    for damaged in sorted((one for one in found if not one.manifest), key=lambda one: one.name):
        younger = (n for n, other in enumerate(ordered) if other.name > damaged.name)
        ordered.insert(next(younger, len(ordered)), damaged)
    return ordered


def read_backup(store: Store, name: str) -> Backup:
    return _read_backup(store, name, store.files()[name])


def _read_backup(store: Store, name: str, files: Mapping[str, int]) -> Backup:
    try:
        manifest = unseal(store.read(name, MANIFEST), Manifest)
    except (OSError, ValueError):
        manifest = None
    if manifest is not None and manifest.name != name:
        manifest = None
    verified = _read(store, name, _VERIFIED, Verified) if _VERIFIED in files else None
    damaged = _read(store, name, _DAMAGED, Damaged) if _DAMAGED in files else None
    return Backup(store, name, files, manifest, verified, damaged)


def _read(store: Store, name: str, file: str, model: type[M]) -> M | None:
    try:
        return model.model_validate_json(store.read(name, file))
    except (OSError, ValidationError):
        return None
