"""Databases that a backup is restored into: filled beside the one in use, looked at, and then put
in its place at once."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection, make_url, text
from sqlalchemy.exc import DBAPIError

from housekeeping.backups import mysql, sqlite
from housekeeping.backups.binary_logs.replay import Replay
from housekeeping.backups.binary_logs.server import replay_logs
from housekeeping.backups.dump_text import DumpText
from housekeeping.backups.manifest import Facts, Kind
from housekeeping.backups.order_counts import Content, find_contradictions, read_content
from housekeeping.backups.streams import write_content
from housekeeping.failures import CouldNot
from servicekit.database.engine import create_database_engine

Found = tuple[dict[str, Facts], str | None]
# A statement may have to wait for a transaction of a service; nobody waits longer for a restore.
_LOCK_SECONDS = 20
_STATEMENT_SECONDS = 600
_NOT_ALLOWED = 1227
_MYSQL_REPLAYS = "REPLICATION_APPLIER, SESSION_VARIABLES_ADMIN"


class Target(Protocol):
    kind: Kind

    def describe(self) -> str: ...

    def read(self) -> Content | None:
        """What is in it now; None if that cannot be read."""

    def fill(self, content: Iterable[bytes]) -> Found:
        """Put the content of a backup beside the database in use, and say what is there then."""

    def require_replay(self) -> None:
        """Raises `CouldNot` if this account cannot bring a backup to a later moment."""

    def replay(self, replay: Replay) -> None:
        """Bring what was filled in to a later moment. Raises `CouldNot`."""

    def swap(self) -> str | None:
        """Put it in place; where the content from before is now, None if there was none."""


def open_target(url: str) -> Target:
    parsed = make_url(url)
    return SqliteTarget(parsed) if parsed.get_backend_name() == "sqlite" else MySqlTarget(parsed)


def _free_name(prefix: str, is_taken: Callable[[str], bool]) -> str:
    """With the moment in it, or the next one that no restore has taken."""
    moment = datetime.now(UTC)
    while is_taken(name := f"{prefix}{moment:%Y%m%d_%H%M%S}"):
        moment += timedelta(seconds=1)
    return name


class SqliteTarget:
    kind = Kind.SQLITE

    def __init__(self, url: URL) -> None:
        self._path = sqlite.database_path(url)
        self._beside = self._path.with_name(f"{self._path.name}.restoring")

    def describe(self) -> str:
        return str(self._path)

    def read(self) -> Content | None:
        if not self._path.is_file():
            return Content()
        try:
            return read_content(f"sqlite:///{self._path}")
        except Exception:  # whatever is wrong with it
            return None

    def fill(self, content: Iterable[bytes]) -> Found:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_content(content, self._beside)
        return sqlite.read_facts(self._beside)

    def require_replay(self) -> None:
        raise CouldNot("SQLite has no binary log: --until is of no use")

    def replay(self, replay: Replay) -> None:
        self.require_replay()

    def swap(self) -> str | None:
        """By one transaction in the file in use, so that whoever has it open sees all of the old
        content or all of the new."""
        previous = self._keep_previous()
        with (
            closing(sqlite.connect(self._beside)) as source,
            closing(sqlite.connect(self._path, create=True)) as target,
        ):
            source.backup(target)
        self._beside.unlink()
        return str(previous) if previous else None

    def _keep_previous(self) -> Path | None:
        if not self._path.exists():
            return None
        previous = self._path.with_name(
            _free_name(
                f"{self._path.name}.before_", lambda name: self._path.with_name(name).exists()
            )
        )
        try:
            sqlite.copy(self._path, previous)
        except CouldNot:
            # Damaged: out of the way, with what its log holds.
            for ending in ("", "-wal", "-shm"):
                part = self._path.with_name(self._path.name + ending)
                if part.exists():
                    part.rename(previous.with_name(previous.name + ending))
        return previous


class MySqlTarget:
    def __init__(self, url: URL) -> None:
        self._url, self._schema = url, url.database or ""
        self._beside = f"{self._schema}_restoring"
        self._server = mysql.find_server(url.set(database=""))
        self.kind = self._server.kind

    def describe(self) -> str:
        return self._url.render_as_string(hide_password=True)

    def read(self) -> Content | None:
        with self._connected() as connection:
            if "orders" not in self._tables(connection, self._schema):
                return Content(tables=len(self._tables(connection, self._schema)))
        return read_content(self._url.render_as_string(hide_password=False))

    def fill(self, content: Iterable[bytes]) -> Found:
        with self._connected() as connection:
            self._run(connection, f"DROP DATABASE IF EXISTS `{self._beside}`")
            self._create(connection, self._beside)
        mysql.load(self._server, self._beside, content)
        return read_dump(self._server, self._beside)

    def require_replay(self) -> None:
        mariadb = self.kind is Kind.MARIADB
        # What logs are made of, and in MySQL what each statement sets before it.
        tried = ["BINLOG ''", *([] if mariadb else ["SET SESSION pseudo_thread_id = 1"])]
        for statement in tried:
            try:
                with self._connected() as connection:
                    self._run(connection, statement)
            except DBAPIError as error:
                # Else it complains of what it was given.
                if error.orig and error.orig.args[0] == _NOT_ALLOWED:
                    right = "BINLOG REPLAY" if mariadb else _MYSQL_REPLAYS
                    raise CouldNot(
                        f"this account may not apply binary logs: GRANT {right} ON *.* to it, and"
                        " revoke that after the restore"
                    ) from None

    def replay(self, replay: Replay) -> None:
        options = replay.options(self._beside, self.kind)
        replay_logs(self._server, self._beside, replay.schema, options)
        url = self._url.set(database=self._beside).render_as_string(hide_password=False)
        if wrong := find_contradictions(url):
            raise CouldNot(f"what the binary logs lead to contradicts itself: {wrong[0]}")

    def swap(self) -> str | None:
        """By one statement: all tables or none."""
        with self._connected() as connection:
            previous = _free_name(
                f"{self._schema}_before_", lambda name: bool(self._tables(connection, name))
            )
            self._create(connection, self._schema)
            present = self._tables(connection, self._schema)
            moves = [(self._schema, name, previous) for name in present]
            moves += [
                (self._beside, name, self._schema)
                for name in self._tables(connection, self._beside)
            ]
            if present:
                self._create(connection, previous)
            renames = ", ".join(f"`{a}`.`{name}` TO `{b}`.`{name}`" for a, name, b in moves)
            self._run(connection, f"SET SESSION lock_wait_timeout = {_LOCK_SECONDS}")
            self._run(connection, f"RENAME TABLE {renames}")
            self._run(connection, f"DROP DATABASE `{self._beside}`")
        return f"schema {previous}" if present else None

    def _create(self, connection: Connection, schema: str) -> None:
        self._run(
            connection,
            f"CREATE DATABASE IF NOT EXISTS `{schema}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        )

    def _tables(self, connection: Connection, schema: str) -> list[str]:
        statement = text(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = :schema"
            " ORDER BY table_name"
        )
        return list(connection.scalars(statement, {"schema": schema}))

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        url = self._url.set(database="").render_as_string(hide_password=False)
        engine = create_database_engine(
            url, read_only=False, connections=1, statement_seconds=_STATEMENT_SECONDS
        )
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def _run(self, connection: Connection, statement: str) -> None:
        connection.exec_driver_sql(statement.replace("%", "%%"))


def read_dump(server: mysql.Server, schema: str) -> Found:
    """What a schema holds, found by dumping it again: what was loaded is what had been dumped."""
    tool, dumped = mysql.find_dump_tool(server.kind), DumpText()
    dumped.read(mysql.dump_tables(server, tool, schema))
    return dumped.tables, dumped.revision
