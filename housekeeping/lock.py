"""One at a time: a lock on a folder, which ends with its process however that dies."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from housekeeping.failures import CouldNot


@contextmanager
def locked(folder: Path, purpose: str, command: str, *, shared: bool = False) -> Iterator[None]:
    """Raises `CouldNot`, which names who holds the lock. Those who share it exclude only who
    wants it alone."""
    path = folder / f".{purpose}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CouldNot(f"{folder} is in use by {_holder(path)}: try again after it") from None
        _sign(descriptor, command)
        yield
    finally:
        os.close(descriptor)


def _sign(descriptor: int, command: str) -> None:
    holder = {
        "command": command,
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder(path: Path) -> str:
    try:
        found = json.loads(path.read_bytes())
        return "`{command}` (process {process} on {host}, since {since})".format(**found)
    except (OSError, ValueError, KeyError, TypeError):
        return "another command"
