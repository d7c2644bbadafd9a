"""What the program for binary logs writes, statement by statement.

It chooses by the schema that was in use: a GRANT that was run there is among the statements, and so
is one that names the schema, which would be done to the database in use instead of the one beside
it."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from housekeeping.failures import CouldNot

_END = b"/*!*/;"
# Remarks of the program and of whoever sent the statement; `/*!` is none.
_REMARKS = re.compile(rb"(?:\s+|#[^\n]*\n|--[^\n]*\n|/\*(?!!).*?\*/)*", re.DOTALL)
# Of accounts and of schemas as a whole.
_OTHERS = re.compile(
    rb"(?:GRANT|REVOKE|SET\s+(?:PASSWORD|DEFAULT\s+ROLE)"
    rb"|(?:CREATE|ALTER|DROP|RENAME)\s+(?:OR\s+REPLACE\s+)?(?:USER|ROLE|DATABASE|SCHEMA))\b",
    re.IGNORECASE,
)
# Of a table in another schema.
_ELSEWHERE = re.compile(
    rb"(?:CREATE|ALTER|DROP|TRUNCATE)\s+(?:TEMPORARY\s+)?TABLE\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"
    rb"(?:`[^`]+`|[\w$]+)\s*\.",
    re.IGNORECASE,
)
_TEXT = re.compile(rb"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_MOMENT = re.compile(rb"#(\d{6} +\d+:\d\d:\d\d) server id")


def concerning_tables(lines: Iterable[bytes], schema: str) -> Iterator[bytes]:
    """Without what is done to accounts, to schemas and to tables elsewhere. Raises `CouldNot` at a
    statement that names the schema itself."""
    names = re.compile(rb"(?<![\w$`])`?" + re.escape(schema.encode()) + rb"`?\s*\.\s*[`\w]")
    statement: list[bytes] = []
    rows, moment = False, b""
    for line in lines:
        if found := _MOMENT.match(line):
            moment = found[1]
        # The rows of a transaction, of any length.
        rows = rows or line.startswith(b"BINLOG '")
        statement.append(line)
        ended = line.rstrip().endswith(_END)
        if rows or (ended and _is_of_tables(b"".join(statement), names, moment)):
            yield from statement
        if rows or ended:
            statement.clear()
        rows = rows and not ended
    yield from statement


def _is_of_tables(text: bytes, names: re.Pattern[bytes], moment: bytes) -> bool:
    remarks = _REMARKS.match(text)
    said = text[remarks.end() :] if remarks else text
    if _OTHERS.match(said):
        return False
    if names.search(_TEXT.sub(b"''", said)):
        short = " ".join(said.partition(_END)[0].decode(errors="replace").split())
        raise CouldNot(
            f"the binary log has `{short[:80]}`, which would change the database in use: restore"
            f" to before it, --until {_as_written(moment)}"
        )
    return not _ELSEWHERE.match(said)


def _as_written(moment: bytes) -> str:
    then = datetime.strptime(moment.decode(), "%y%m%d %H:%M:%S").replace(tzinfo=UTC)
    return f"{then:%Y-%m-%dT%H:%M:%SZ}"
