"""A small file system of its own for a test, to be filled and freed."""

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, leaving: int = 0) -> None:
        """Until nothing more can be written, or until so many bytes are left."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
            file.truncate(max(0, file.tell() - leaving))

    def free(self) -> None:
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[SmallDisk]:
    """An ext4 in a file below the folder; skips the test where none can be mounted."""
    image, place = folder / "disk.img", folder / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(mebibytes << 20)
    try:
        for command in (["mkfs.ext4", "-q", "-F", "-m", "0", image], ["mount", image, place]):
            subprocess.run([*map(str, command)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small file system cannot be mounted here (that takes root on Linux)")
    try:
        yield SmallDisk(place)
    finally:
        # Lazily: a process that a failed test left would hold it.
        subprocess.run(["umount", "--lazy", str(place)], check=True, capture_output=True)
