"""Folders for as long as a run takes."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def _nothing(_folder: Path) -> None:
    pass


@contextmanager
def work_folder(
    parent: Path, prefix: str, before_removal: Callable[[Path], None] = _nothing
) -> Iterator[Path]:
    """A new one, gone afterwards. It is locked, which ends with its process, however that dies: so
    the next run knows one that nobody uses any more, and removes it."""
    parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(parent, prefix, before_removal)
    place, descriptor = _locked_folder(parent, prefix)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(descriptor)


def remove_abandoned(
    parent: Path, prefix: str, before_removal: Callable[[Path], None] = _nothing
) -> list[str]:
    """Those of this prefix that no process has locked."""
    removed = []
    for place in parent.glob(f"{prefix}*"):
        try:
            descriptor = os.open(place, os.O_RDONLY)
        except OSError:
            continue  # somebody else's, or gone
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            before_removal(place)
            shutil.rmtree(place, ignore_errors=True)
            removed.append(place.name)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
    return removed


def _locked_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        place = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        descriptor = os.open(place, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Between its making and its lock another run may have taken it for abandoned.
        if place.exists():
            return place, descriptor
        os.close(descriptor)
