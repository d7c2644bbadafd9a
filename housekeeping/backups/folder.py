"""Where backups are: each a folder that appears whole, under its name, or not at all."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from housekeeping.backups.manifest import Damaged, Level, Manifest, Verified, seal, unseal

_MANIFEST, _VERIFIED, _DAMAGED = "manifest.json", "verified.json", "damaged.json"
# Never taken for a backup, whatever is in them.
_UNFINISHED, _REMOVING, VERIFYING = ".unfinished-", ".removing-", ".verifying-"
M = TypeVar("M", bound=BaseModel)
_IS_NAME = re.compile(r"\d{8}T\d{6}Z-\w+$")
_NAME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, eq=False)
class Backup:
    """`manifest` is None if it cannot be read: then the backup is damaged."""

    path: Path
    manifest: Manifest | None
    verified: Verified | None
    damaged: Damaged | None

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def is_good(self) -> bool:
        """Verified, and nothing was found since."""
        return self.manifest is not None and self.verified is not None and self.damaged is None

    @property
    def order(self) -> tuple[int, str]:
        return (self.manifest.sequence if self.manifest else -1, self.name)

    def note_verified(self, level: Level, seconds: float) -> None:
        """A drill is not forgotten for a verification that looked less far."""
        moment = datetime.now(UTC)
        if self.verified and self.verified.level is Level.DRILL:
            level = Level.DRILL
        found = Verified(verified_at=moment, level=level, seconds=round(seconds, 3))
        write_whole(self.path / _VERIFIED, found.model_dump_json() + "\n")
        (self.path / _DAMAGED).unlink(missing_ok=True)

    def note_damaged(self, faults: list[str]) -> None:
        found = Damaged(found_at=datetime.now(UTC), faults=faults)
        write_whole(self.path / _DAMAGED, found.model_dump_json() + "\n")


def list_backups(folder: Path) -> list[Backup]:
    """The oldest first. A folder that does not exist has none."""
    if not folder.is_dir():
        return []
    paths = [path for path in folder.iterdir() if path.is_dir() and _IS_NAME.match(path.name)]
    return sorted(map(read_backup, paths), key=lambda backup: backup.order)


def read_backup(path: Path) -> Backup:
    try:
        manifest = unseal((path / _MANIFEST).read_bytes())
    except (OSError, ValueError):
        manifest = None
    if manifest is not None and manifest.name != path.name:
        manifest = None
    return Backup(
        path, manifest, _read(path / _VERIFIED, Verified), _read(path / _DAMAGED, Damaged)
    )


def _read(path: Path, model: type[M]) -> M | None:
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def remove_leftovers(folder: Path, *others: str) -> list[str]:
    """What a run that was ended by force has left; under the lock for writing only. Marks of
    `others` are those of readers, for whoever has locked these out too."""
    marks = (_UNFINISHED, _REMOVING, *others)
    left = [path for mark in marks for path in folder.glob(f"{mark}*")]
    for path in left:
        shutil.rmtree(path)
    return [path.name for path in left]


@contextmanager
def unfinished(folder: Path, moment: datetime, kind: str) -> Iterator[tuple[str, Path]]:
    """The name of a new backup, and the folder to write it into, which is gone after an error."""
    while (folder / (name := f"{moment.strftime(_NAME)}-{kind}")).exists():
        moment += timedelta(seconds=1)  # the clock was set back
    path = folder / f"{_UNFINISHED}{name}"
    path.mkdir(mode=0o700)
    try:
        yield name, path
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def finish(folder: Path, unfinished_path: Path, manifest: Manifest) -> Backup:
    """The manifest last, then the name: from here on it is a backup, also after a power cut."""
    for file in manifest.files:
        sync(unfinished_path / file.name)
    write_whole(unfinished_path / _MANIFEST, seal(manifest))
    path = folder / manifest.name
    unfinished_path.rename(path)
    sync(folder)
    return read_backup(path)


def remove(backup: Backup) -> None:
    """First its name: half of a backup never looks like one."""
    doomed = backup.path.with_name(f"{_REMOVING}{backup.name}")
    backup.path.rename(doomed)
    sync(doomed.parent)
    shutil.rmtree(doomed)


def write_whole(path: Path, text: str) -> None:
    """The old content or the new one, never a part of it."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
