"""The file behind the audit: appended to by one thread, fsynced by another."""

import os
import re
import socket
import threading
from pathlib import Path


def audit_path(directory: Path) -> Path:
    """One file per host: replicas that share the folder never share a file."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()) or "unnamed"
    return directory / f"accepted-{host}.jsonl"


class AuditFile:
    """Opened when first written; every method blocks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        # The end of the file may be half a line: of a process that was killed, of a full disk.
        self._torn = False
        self._swapping = threading.Lock()

    def append(self, lines: bytes) -> None:
        """Hand the lines to the operating system, whole or with an OSError."""
        descriptor = self._open() if self._descriptor is None else self._descriptor
        data = b"\n" + lines if self._torn else lines
        if data:
            self._torn = True
        while data:
            data = data[os.write(descriptor, data) :]
        self._torn = False

    def sync(self) -> None:
        """Wait until all that was appended is on the disk."""
        with self._swapping:
            if self._descriptor is None:
                return
            descriptor = os.dup(self._descriptor)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def reopen_if_moved(self) -> None:
        """Let go of a file that was renamed or deleted, so that the next line starts a new one."""
        if self._descriptor is None:
            return
        try:
            moved = not os.path.samestat(os.stat(self.path), os.fstat(self._descriptor))
        except FileNotFoundError:
            moved = True
        if moved:
            self.close()
            self._open()

    def close(self) -> None:
        with self._swapping:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Readable too, to see how the last process left it.
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        size = os.fstat(descriptor).st_size
        self._torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        self._descriptor = descriptor
        return descriptor
