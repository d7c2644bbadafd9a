"""What is in a folder of log files, and what rotation has done to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

COMPRESSED = ".zst"


@dataclass(frozen=True)
class LogFile:
    name: str
    size: int
    # Stays with a file when it is renamed; a number of a file that is gone may come again.
    identity: tuple[int, int]


@dataclass(frozen=True)
class Work:
    removed_files: int
    removed_bytes: int
    # Of what was compressed this time, before and after.
    plain_bytes: int
    compressed_bytes: int

    @property
    def freed(self) -> int:
        return self.removed_bytes + self.plain_bytes - self.compressed_bytes

    @property
    def compression(self) -> float | None:
        return self.plain_bytes / self.compressed_bytes if self.plain_bytes else None


def list_log_files(folder: Path) -> Mapping[str, LogFile]:
    found = {}
    for path in folder.iterdir():
        if path.is_file() and not path.name.startswith("."):
            status = path.stat()
            identity = (status.st_ino, status.st_mtime_ns)
            found[path.name] = LogFile(path.name, status.st_size, identity)
    return found


def total(files: Mapping[str, LogFile]) -> int:
    return sum(file.size for file in files.values())


def compare(before: Mapping[str, LogFile], after: Mapping[str, LogFile]) -> Work:
    """A turn compresses `<name>.1` to `<name>.2.zst` and renames what is older."""
    kept = {file.identity for file in after.values()}
    known = {file.identity for file in before.values()}
    removed = [
        file
        for file in before.values()
        if file.name.endswith(COMPRESSED) and file.identity not in kept
    ]
    plain = compressed = 0
    for file in before.values():
        made = after.get(f"{file.name.removesuffix('.1')}.2{COMPRESSED}")
        if file.name.endswith(".1") and file.size and made and made.identity not in known:
            plain, compressed = plain + file.size, compressed + made.size
    return Work(len(removed), sum(file.size for file in removed), plain, compressed)
