"""What a dump of MySQL or MariaDB holds, found while it streams by: rows and a digest of each
table, schema revision, binary log position, and whether it is whole."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from database.revision import VERSION_TABLE
from housekeeping.backups.manifest import Facts, Position
from housekeeping.backups.streams import Damage

_STRING = re.compile(rb"'(?:[^'\\]|\\.)*'", re.S)
_TABLE = re.compile(rb"CREATE TABLE (?:IF NOT EXISTS )?`([^`]+)`")
_INSERT = re.compile(rb"INSERT INTO `([^`]+)`(?: \([^)]*\))? VALUES\s*")
_POSITION = re.compile(rb"^-- CHANGE .*_LOG_FILE='([^']+)', \w+_LOG_POS=(\d+)")
_REVISION = re.compile(rb"\('([^']*)'\)")
_OTHERS = re.compile(rb"^(?:/\*!\d+ )?CREATE\b.*\b(?:TRIGGER|EVENT|PROCEDURE|FUNCTION|VIEW)\b")
_END = b"-- Dump completed"


@dataclass
class _Table:
    rows: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)


class DumpText:
    """Each row of mysqldump is in one line, since a newline in a text is written as \\n; a line
    has one row (MariaDB from 11) or as many as a packet holds."""

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}
        self._into: str | None = None
        self._last = b""
        self.position: Position | None = None
        self.revision: str | None = None
        # Triggers and the like, which a restore does not move from one schema to another.
        self.others = 0

    @property
    def tables(self) -> dict[str, Facts]:
        return {
            name: Facts(rows=table.rows, digest=table.digest.hexdigest())
            for name, table in sorted(self._tables.items())
        }

    def watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks. Raises `Damage` at the end of a dump that is not whole."""
        rest: list[bytes] = []
        for chunk in chunks:
            yield chunk
            end = chunk.rfind(b"\n") + 1
            if end:
                rest.append(chunk[:end])
                for line in b"".join(rest).split(b"\n"):
                    self._read(line)
                rest = []
            rest.append(chunk[end:])
        self._read(b"".join(rest))
        if not self._last.startswith(_END):
            raise Damage("the dump ends in the middle")

    def read(self, chunks: Iterable[bytes]) -> None:
        for _ in self.watch(chunks):
            pass

    def _read(self, line: bytes) -> None:
        if not line.strip():
            return
        self._last = line[:80]
        if self._into is not None and line.startswith(b"("):
            self._add(line)
        elif inserted := _INSERT.match(line):
            self._into = inserted[1].decode()
            self._add(line[inserted.end() :])
        elif created := _TABLE.match(line):
            self._tables.setdefault(created[1].decode(), _Table())
        elif found := _POSITION.match(line):
            self.position = Position(file=found[1].decode(), offset=int(found[2]))
        elif _OTHERS.match(line):
            self.others += 1

    def _add(self, rows: bytes) -> None:
        assert self._into is not None
        table = self._tables.setdefault(self._into, _Table())
        # Every parenthesis outside of a text begins a row: values are literals.
        table.rows += _STRING.sub(b"", rows).count(b"(")
        table.digest.update(rows.rstrip().rstrip(b",;"))
        # Alike for one statement with many rows and for many statements.
        if rows.strip():
            table.digest.update(b",")
        if self._into == VERSION_TABLE and (revision := _REVISION.search(rows)):
            self.revision = revision[1].decode()
        if rows.rstrip().endswith(b";"):
            self._into = None
