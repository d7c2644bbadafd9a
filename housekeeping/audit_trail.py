"""Every order that was answered with 202, gathered from the audit files of all publishers."""

import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from contracts.audit import AuditLine
from housekeeping.progress import Progress

_BATCH = 1000
# Far beyond any line: a file of something else must not be read into memory as one.
_LONGEST_LINE = 64 * 1024


@dataclass(frozen=True)
class Accepted:
    order_id: str
    entry_id: str | None
    accepted_at: str


@dataclass(frozen=True)
class AuditFile:
    """As long as it was when the comparison began: what is accepted later is not compared."""

    path: Path
    size: int


def list_audit_files(directory: Path) -> list[AuditFile]:
    return [AuditFile(path, path.stat().st_size) for path in sorted(directory.glob("*.jsonl"))]


class AuditTrail:
    """Sorted and without repetitions in a temporary database on disk: the lines of years need
    no memory."""

    def __init__(self) -> None:
        # An empty name is SQLite's private database, gone with the connection.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute(
            "CREATE TABLE accepted (order_id TEXT PRIMARY KEY, entry_id TEXT, accepted_at TEXT)"
            " WITHOUT ROWID"
        )
        self.lines = 0

    def __enter__(self) -> "AuditTrail":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    @property
    def orders(self) -> int:
        return self._number("SELECT count(*) FROM accepted")

    @property
    def since(self) -> str | None:
        """When the first order was accepted, None without any."""
        row = self._database.execute("SELECT min(accepted_at) FROM accepted").fetchone()
        first: str | None = row[0]
        return first

    def read(self, audit_file: AuditFile, progress: Progress) -> Iterator[int]:
        """Take the file in; yields the number of each line that cannot be read, such as half a
        line that a killed publisher left: no 202 left after it."""
        with audit_file.path.open("rb") as file:
            batch: list[tuple[str, str | None, str]] = []
            for number, text in enumerate(_lines(file, audit_file.size), start=1):
                if not text.strip():
                    continue
                self.lines += 1
                progress.update(self.lines, "audit lines read")
                try:
                    batch.append(_row(AuditLine.model_validate_json(text)))
                except ValidationError:
                    yield number
                if len(batch) >= _BATCH:
                    self._insert(batch)
            self._insert(batch)

    def batches(self) -> Iterator[list[Accepted]]:
        """All accepted orders, by id."""
        last = ""
        while rows := self._database.execute(
            "SELECT order_id, entry_id, accepted_at FROM accepted WHERE order_id > ?"
            f" ORDER BY order_id LIMIT {_BATCH}",
            (last,),
        ).fetchall():
            yield [Accepted(*row) for row in rows]
            last = rows[-1][0]

    def without_line(self, order_ids: Collection[str]) -> list[str]:
        """Those of the given orders that no line names."""
        ask = "SELECT 1 FROM accepted WHERE order_id = ?"
        return [
            order_id
            for order_id in order_ids
            if self._database.execute(ask, (order_id,)).fetchone() is None
        ]

    def _insert(self, batch: list[tuple[str, str | None, str]]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO accepted VALUES (?, ?, ?) ON CONFLICT DO NOTHING", batch
        )
        self._database.execute("COMMIT")
        batch.clear()

    def _number(self, statement: str) -> int:
        number: int = self._database.execute(statement).fetchone()[0]
        return number


def _lines(file: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while left > 0 and (line := file.readline(min(left, _LONGEST_LINE))):
        left -= len(line)
        yield line


def _row(line: AuditLine) -> tuple[str, str | None, str]:
    written = line.model_dump(mode="json")
    return written["order_id"], written["entry_id"], written["accepted_at"]
