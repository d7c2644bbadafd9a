"""The log of one child of the launcher."""

from io import FileIO
from pathlib import Path

_MAX_BYTES = 5 * 1024 * 1024


class LogFile:
    """Appends lines; keeps one older file of the same size beside it. On a full disk lines are
    lost until there is space: the child, which waits for us to read on, must not stop."""

    def __init__(self, path: Path, max_bytes: int = _MAX_BYTES) -> None:
        self._path, self._max_bytes = path, max_bytes
        self._file: FileIO | None = None
        self._torn = False

    def write(self, line: bytes) -> None:
        try:
            self._append(b"\n" + line if self._torn else line)
        except OSError:
            self.close()

    def close(self) -> None:
        """The next line opens it again."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _append(self, data: bytes) -> None:
        if self._file is None:
            self._file = FileIO(self._path, "ab")
        if self._file.tell() + len(data) > self._max_bytes:
            self._file.close()
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            self._file = FileIO(self._path, "ab")
        written = self._file.write(data) or 0
        self._torn = 0 < written < len(data) or (self._torn and not written)
