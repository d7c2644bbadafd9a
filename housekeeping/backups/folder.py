"""Backups in a folder: each a folder in it that appears whole, under its name, or not at all."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from housekeeping.backups.manifest import StoredFile
from housekeeping.backups.store import IS_NAME, MANIFEST, Store
from housekeeping.failures import CouldNot
from housekeeping.lock import locked
from housekeeping.work_folder import remove_abandoned

# Never taken for a backup, whatever is in them.
_UNFINISHED, _REMOVING, VERIFYING = ".unfinished-", ".removing-", ".verifying-"
_NAME = "%Y%m%dT%H%M%SZ"


class FolderStore:
    def __init__(self, folder: Path) -> None:
        self.work = folder

    def __str__(self) -> str:
        return str(self.work)

    def require(self) -> None:
        if not self.work.is_dir():
            raise CouldNot(f"there is no folder of backups {self.work}")

    def prepare(self) -> None:
        self.work.mkdir(mode=0o700, parents=True, exist_ok=True)

    def free(self) -> int | None:
        return shutil.disk_usage(self.work).free if self.work.is_dir() else None

    def files(self) -> Mapping[str, Mapping[str, int]]:
        if not self.work.is_dir():
            return {}
        return {
            path.name: _sizes(path)
            for path in self.work.iterdir()
            if IS_NAME.match(path.name) and path.is_dir()
        }

    def read(self, name: str, file: str) -> bytes:
        return (self.work / name / file).read_bytes()

    def write(self, name: str, file: str, text: str) -> None:
        write_whole(self.work / name / file, text)

    def forget(self, name: str, file: str) -> None:
        (self.work / name / file).unlink(missing_ok=True)

    @contextmanager
    def fetched(self, name: str, files: Sequence[StoredFile]) -> Iterator[Path]:
        yield self.work / name

    def finish(self, unfinished: Path, name: str, files: Sequence[str], manifest: str) -> None:
        """The manifest last, then the name."""
        for file in files:
            sync(unfinished / file)
        write_whole(unfinished / MANIFEST, manifest)
        unfinished.rename(self.work / name)
        sync(self.work)

    def remove(self, name: str) -> None:
        """First its name."""
        doomed = self.work / f"{_REMOVING}{name}"
        (self.work / name).rename(doomed)
        sync(self.work)
        shutil.rmtree(doomed)

    def remove_leftovers(self) -> list[str]:
        return remove_unfinished(self.work)

    def locked(
        self, purpose: str, command: str, *, shared: bool = False
    ) -> AbstractContextManager[None]:
        return locked(self.work, purpose, command, shared=shared)


def _sizes(path: Path) -> dict[str, int]:
    try:
        return {file.name: file.stat().st_size for file in path.iterdir()}
    except FileNotFoundError:
        return {}  # removed meanwhile


def remove_unfinished(folder: Path) -> list[str]:
    left = [path for mark in (_UNFINISHED, _REMOVING) for path in folder.glob(f"{mark}*")]
    for path in left:
        shutil.rmtree(path)
    return [path.name for path in left] + remove_abandoned(folder, VERIFYING)


@contextmanager
def unfinished(
    store: Store, moment: datetime, kind: str, after: str = ""
) -> Iterator[tuple[str, Path]]:
    """The name of a new backup, and the folder to write it into, which is gone after an error.
    The name comes after this one, whatever the clock says."""
    taken = store.files()
    if after:
        before = datetime.strptime(after.partition("-")[0], _NAME).replace(tzinfo=moment.tzinfo)
        moment = max(moment, before + timedelta(seconds=1))
    while (name := f"{moment.strftime(_NAME)}-{kind}") in taken:
        moment += timedelta(seconds=1)  # the clock was set back
    path = store.work / f"{_UNFINISHED}{name}"
    path.mkdir(mode=0o700)
    try:
        yield name, path
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


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
