"""One at a time: a lock on a folder, which ends with its process however that dies."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
        _write(descriptor, sign(command))
        yield
    finally:
        os.close(descriptor)


def sign(command: str) -> dict[str, object]:
    """What a lock says of who holds it."""
    return {
        "command": command,
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def describe_holder(found: Any) -> str:
    try:
        return "`{command}` (process {process} on {host}, since {since})".format(**found)
    except (KeyError, TypeError):
        return "another command"


def _write(descriptor: int, holder: dict[str, object]) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder(path: Path) -> str:
    try:
        return describe_holder(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return describe_holder(None)
