"""Orders in the database, asked for from the event loop: transactions run in threads, lost races
are repeated, and an outage is told from a message that cannot be stored."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from contracts.orders import OrderMessage, OrderReason
from database.revision import current_revision, newest_revision
from servicekit.database.engine import (
    DatabaseThreads,
    create_database_engine,
    is_contention,
    is_unavailable,
)
from services.consumer.orders import (
    TRANSACTION_SECONDS,
    Outcome,
    TransactionTooSlow,
    has_row,
    store_order,
    store_orders,
)

T = TypeVar("T")

# It reads every migration from disk.
_needed_revision = cache(newest_revision)

_STATEMENT_SECONDS = 2
_ATTEMPTS = 5
_BACKOFF_SECONDS = 0.02


class DatabaseUnavailable(Exception):
    """The database cannot work now. No message is to blame, and whether the transaction under
    way was committed is unknown."""


class SchemaOutdated(Exception):
    """The database still awaits a migration that this version needs."""


class OrderRepository:
    """Every method raises `DatabaseUnavailable`, or the error that the message itself caused."""

    def __init__(self, engine: Engine, reading: Engine, threads: DatabaseThreads) -> None:
        self._engine, self._reading, self._threads = engine, reading, threads

    async def store_together(self, messages: Sequence[OrderMessage]) -> list[Outcome]:
        return await self._run(
            lambda deadline: store_orders(self._engine, messages, deadline=deadline)
        )

    async def store_alone(self, message: OrderMessage) -> Outcome:
        return await self._run(
            lambda deadline: store_order(self._engine, message, deadline=deadline)
        )

    async def store_dropped(self, message: OrderMessage) -> Outcome:
        """Reject without a look at the stock; an order that has its row keeps it."""
        (outcome,) = await self._run(
            lambda deadline: store_orders(
                self._engine, [message], refused_for=OrderReason.DROPPED, deadline=deadline
            )
        )
        return outcome

    async def has_row(self, order_id: str) -> bool:
        return await self._run(lambda _deadline: has_row(self._engine, order_id))

    async def check(self) -> str:
        """The revision of the schema. Raises unless the database can be asked and has at least
        the one that this version needs: the next one is made to suit it too."""
        return await self._threads.run(_require_schema, self._reading)

    async def _run(self, work: Callable[[float], T]) -> T:
        """All attempts together have the time that one may take."""
        attempt, deadline = 1, time.monotonic() + TRANSACTION_SECONDS
        while True:
            try:
                return await self._threads.run(work, deadline)
            except (SQLAlchemyError, TransactionTooSlow) as error:
                may_repeat = attempt < _ATTEMPTS and time.monotonic() < deadline
                if not (is_contention(error) and may_repeat):
                    if is_unavailable(error) or isinstance(error, TransactionTooSlow):
                        raise DatabaseUnavailable(describe_error(error)) from error
                    raise
            # Full jitter: two that met once must not meet again.
            await asyncio.sleep(random.uniform(0, _BACKOFF_SECONDS * 2**attempt))
            attempt += 1


@asynccontextmanager
async def open_repository(database_url: str) -> AsyncIterator[OrderRepository]:
    """Waits at the end for what is running.

    One connection is for the orders, one for the check: neither waits for the other, and in
    SQLite a check takes no write lock.
    """
    engine, reading = (
        create_database_engine(
            database_url,
            read_only=read_only,
            connections=1,
            statement_seconds=_STATEMENT_SECONDS,
        )
        for read_only in (False, True)
    )
    threads = DatabaseThreads(2)
    try:
        yield OrderRepository(engine, reading, threads)
    finally:
        await threads.close()
        engine.dispose()
        reading.dispose()


def describe_error(error: BaseException) -> str:
    """What happened, without the text of the error: drivers quote values in it, and they may be
    personal."""
    if not isinstance(error, DBAPIError):
        return type(error).__name__
    number = next(iter(getattr(error.orig, "args", ())), None)
    name = getattr(error.orig, "sqlite_errorname", number if isinstance(number, int) else "")
    return f"{type(error).__name__} {name}"


def _require_schema(engine: Engine) -> str:
    with engine.connect() as connection:
        current, needed = current_revision(connection), _needed_revision()
    if current is None or (needed is not None and current < needed):
        raise SchemaOutdated(f"the database is at revision {current}; this version needs {needed}")
    return f"revision {current}"
