"""Engines, transactions and the meaning of database errors, alike for MySQL and SQLite."""

import asyncio
import socket
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Dialect, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError

from servicekit.database.sql_spans import commit_span, trace_engine
from servicekit.name_resolution import resolver

P = ParamSpec("P")
T = TypeVar("T")

_CONNECT_SECONDS = 2
# What holds a lock of a file for longer was forgotten there, whatever a statement may take.
_SQLITE_LOCK_SECONDS = 60

# MySQL's error numbers for "not now": too many connections, shutting down, read only, disk
# full, lost or refused connections, access not (yet) granted to an account (1044, 1045, 1142,
# 1143) or to anybody on this host (1129, 1130: before there are accounts), unknown database or
# table while a migration is under way, the time limit of a statement (1969 is MariaDB's, 3024
# MySQL's).
_UNAVAILABLE = frozenset(
    {1021, 1040, 1044, 1045, 1049, 1053, 1114, 1129, 1130, 1142, 1143, 1146, 1194, 1205, 1213}
    | {1290, 1836, 1927, 1969, 2002, 2003, 2005, 2006, 2013, 2014, 2055, 3024, 3100, 4031}
)
_CONTENTION = frozenset({1205, 1213})
_SQLITE_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_INTERRUPT,
    }
)


def create_database_engine(
    url: str, *, read_only: bool, connections: int, statement_seconds: float
) -> Engine:
    """A traced engine; connects only when first used.

    A statement that takes longer than `statement_seconds` is ended by the database, or by the
    driver if the database does not answer at all; so is one that waits longer for a lock. SQLite
    bounds the waiting alone.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        lock_seconds = min(statement_seconds, _SQLITE_LOCK_SECONDS)
        engine = _create_sqlite_engine(parsed, read_only, connections, lock_seconds)
    else:
        engine = _create_mysql_engine(parsed, connections, statement_seconds)
    trace_engine(engine)
    return engine


def _create_sqlite_engine(
    url: URL, read_only: bool, connections: int, lock_seconds: float
) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # an error's text would quote customers
        connect_args={"timeout": lock_seconds, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        # pysqlite's own transaction handling begins too late; "begin" below does it.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        if read_only:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE: two processes that read first and write later would dead-lock.
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _create_mysql_engine(url: URL, connections: int, statement_seconds: float) -> Engine:
    engine = create_engine(
        url.update_query_dict({"charset": "utf8mb4"}),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=statement_seconds,
        pool_pre_ping=True,
        pool_recycle=300,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "read_timeout": statement_seconds + 1,
            "write_timeout": statement_seconds + 1,
        },
    )

    event.listen(engine, "do_connect", _connect_by_address)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        is_mariadb = "mariadb" in connection.get_server_info().lower()
        limit = (
            f"max_statement_time={statement_seconds:.3f}"
            if is_mariadb
            else f"max_execution_time={int(statement_seconds * 1000)}"
        )
        with connection.cursor() as cursor:
            cursor.execute(
                f"SET SESSION {limit}, time_zone='+00:00',"
                f" innodb_lock_wait_timeout={max(1, int(statement_seconds))},"
                " sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
                "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
            )

    return engine


def _connect_by_address(dialect: Dialect, _record: Any, _args: Any, options: Any) -> Any:
    """PyMySQL would resolve the name by itself: its time limit begins after that, and a thread
    would be blocked for as long as the look-up takes."""
    host = options.get("host")
    if host is None or "unix_socket" in options:
        return None  # as usual
    driver: Any = dialect.loaded_dbapi
    try:
        made = _open_socket(host, options.get("port", 3306))
    except OSError as error:
        raise driver.OperationalError(2003, f"no connection to {host} ({error})") from error
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection = driver.connect(**options, defer_connect=True)
    connection.connect(made)
    return connection


def _open_socket(host: str, port: int) -> socket.socket:
    failure: OSError = OSError("no address")
    for address in resolver.resolve_blocking(host):
        try:
            made = socket.create_connection((address.host, port), _CONNECT_SECONDS)
        except OSError as error:
            failure = error
        else:
            resolver.mark_reachable(host)
            return made
    resolver.mark_unreachable(host)
    raise failure


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed at the end of the block, rolled back by an exception.

    The commit has a span of its own, which no statement gives it: there the disk is waited for.
    """
    with ExitStack() as stack:
        connection = stack.enter_context(engine.begin())
        yield connection
        with commit_span(connection):
            stack.close()


def ping(engine: Engine) -> None:
    """Raise if the database does not answer."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def is_unavailable(error: BaseException) -> bool:
    """True if the database could not do its work now, whatever the statement was: waiting and
    trying again is right, and no message is to blame."""
    if isinstance(error, TimeoutError | InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", None)
        # Not migrated yet has no number of its own, as 1146 in MySQL.
        unmigrated = str(error.orig).startswith("no such table")
        return unmigrated or (code is not None and code & 0xFF in _SQLITE_UNAVAILABLE)
    return _mysql_code(error) in _UNAVAILABLE


def is_contention(error: BaseException) -> bool:
    """True if the transaction lost against another one (dead lock, lock wait). MySQL rolls a
    timed-out *statement* back, not the transaction: always roll back, then repeat it all."""
    return isinstance(error, OperationalError) and _mysql_code(error) in _CONTENTION


def _mysql_code(error: DBAPIError) -> int | None:
    args = getattr(error.orig, "args", ())
    return args[0] if args and isinstance(args[0], int) else None


class DatabaseThreads:
    """Runs blocking database work in a few threads of its own, within the caller's trace.

    As many threads as the engine has connections: none waits for the pool.
    """

    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="database")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        context = copy_context()
        return await loop.run_in_executor(
            self._executor, lambda: context.run(function, *args, **kwargs)
        )

    async def close(self) -> None:
        """Wait for what is running; nothing new is taken."""
        await asyncio.to_thread(self._executor.shutdown)
