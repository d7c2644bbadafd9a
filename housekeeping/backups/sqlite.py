"""Copies of a SQLite database by its own backup interface, and what is in them."""

import errno
import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, make_url

from database.revision import VERSION_TABLE
from housekeeping.backups.manifest import Facts
from housekeeping.backups.streams import Damage
from housekeeping.failures import CouldNot

_BUSY_SECONDS = 30


def database_path(url: URL) -> Path:
    """The file of a URL as `servicekit/embedded.py` writes it."""
    name = url.database or ""
    if name.startswith("file:"):
        from urllib.parse import unquote

        return Path(unquote(name.removeprefix("file:")))
    return Path(name)


def sqlite_path(url: str) -> Path:
    return database_path(make_url(url))


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    mode = "rwc" if create else "rw"
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)


def copy(source: Path, target: Path) -> None:
    """A consistent copy in one file, while others read and write."""
    if not source.is_file():
        raise CouldNot(f"there is no database {source}: is this the right folder of data?")
    try:
        with closing(connect(source)) as origin, closing(connect(target, create=True)) as copied:
            # One step for all pages: a step at a time would begin anew with each write of others.
            # In WAL mode nobody waits for it.
            origin.backup(copied)
            # Without the files that the write-ahead log would have beside it.
            copied.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, "disk full") from None
        raise CouldNot(f"SQLite cannot copy {source}: {error}") from None


def read_facts(path: Path) -> tuple[dict[str, Facts], str | None]:
    """Of each table rows and digest, and the schema revision. Raises `Damage`."""
    try:
        with closing(connect(path)) as database:
            found = [row[0] for row in database.execute("PRAGMA integrity_check(3)")]
            if found != ["ok"]:
                raise Damage(f"SQLite finds: {'; '.join(found)}")
            if broken := database.execute("PRAGMA foreign_key_check").fetchall():
                raise Damage(f"{len(broken)} rows point to rows that are not there")
            tables = {name: _facts(database, name) for name in _tables(database)}
            revision = None
            if VERSION_TABLE in tables:
                (revision,) = database.execute(
                    f"SELECT version_num FROM {VERSION_TABLE}"
                ).fetchone()
    except sqlite3.DatabaseError as error:
        raise Damage(f"SQLite cannot read it: {error}") from None
    return tables, revision


def _tables(database: sqlite3.Connection) -> list[str]:
    rows = database.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        " ORDER BY name"
    )
    return [row[0] for row in rows]


def _facts(database: sqlite3.Connection, name: str) -> Facts:
    columns = database.execute("SELECT count(*) FROM pragma_table_info(?)", (name,)).fetchone()[0]
    order = ", ".join(str(number + 1) for number in range(columns))
    rows, digest = 0, hashlib.sha256()
    for row in database.execute(f'SELECT * FROM "{name}" ORDER BY {order}'):
        rows += 1
        digest.update(repr(row).encode())
    return Facts(rows=rows, digest=digest.hexdigest())
