"""Audit files as they age: written to, closed, gone.

A file is closed by another name, and its publisher, which looks once a second, goes on in a new
one. Only a file that was closed an hour ago is ever removed: nobody writes to it any more.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from contracts.audit import AuditLine

_CLOSED = re.compile(r"\.(\d{8}T\d{6}Z)\.jsonl$")
_STAMP = "%Y%m%dT%H%M%SZ"
_OPEN_FOR = timedelta(days=1)
_WRITTEN_AFTER_CLOSING = timedelta(hours=1)
_LONGEST_LINE = 64 * 1024


@dataclass(frozen=True)
class ClosedFile:
    path: Path
    size: int

    def remove(self) -> None:
        self.path.unlink()


def list_due_for_closing(folder: Path, now: datetime) -> list[Path]:
    """Whose first line is older than a day, so that a file has the orders of some days at most."""
    return [
        path
        for path in sorted(folder.glob("*.jsonl"))
        if not _CLOSED.search(path.name) and now - _began(path) > _OPEN_FOR
    ]


def close(path: Path, now: datetime) -> Path:
    stem = path.name.removesuffix(".jsonl")
    while (closed := path.with_name(f"{stem}.{now.strftime(_STAMP)}.jsonl")).exists():
        now += timedelta(seconds=1)  # the clock was set back
    return path.rename(closed)


def list_old(folder: Path, now: datetime, days: int) -> list[ClosedFile]:
    """Closed ones to which nothing was written for so many days."""
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        if (match := _CLOSED.search(path.name)) is None:
            continue
        closed = datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)
        status = path.stat()
        written = datetime.fromtimestamp(status.st_mtime, UTC)
        if now - written > timedelta(days=days) and now - closed > _WRITTEN_AFTER_CLOSING:
            found.append(ClosedFile(path, status.st_size))
    return found


def _began(path: Path) -> datetime:
    with path.open("rb") as file:
        try:
            return AuditLine.model_validate_json(file.readline(_LONGEST_LINE)).accepted_at
        except ValidationError:  # empty, or half a line
            return datetime.fromtimestamp(path.stat().st_mtime, UTC)
