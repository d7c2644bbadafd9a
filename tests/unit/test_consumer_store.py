"""Lost races are repeated, outages are told apart, and no error quotes its values."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import Engine, Table, insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from database.tables import metadata, orders, purged_orders
from servicekit.database.engine import create_database_engine, is_unavailable
from services.consumer import handlers as handlers_module
from services.consumer import orders as orders_module
from services.consumer import repository as repository_module
from services.consumer import worker as worker_module
from services.consumer.orders import TransactionTooSlow
from services.consumer.repository import (
    DatabaseUnavailable,
    OrderRepository,
    SchemaOutdated,
    describe_error,
    open_repository,
)
from services.consumer.settings import Settings

DEAD_LOCK = OperationalError("UPDATE", {}, pymysql.OperationalError(1213, "dead lock of Sari"))
GONE = OperationalError("SELECT", {}, pymysql.OperationalError(2006, "gone away"))
# MariaDB's and MySQL's violated CHECK are OperationalError to PyMySQL.
CHECKS = [
    OperationalError("INSERT", {}, pymysql.OperationalError(4025, "CONSTRAINT failed")),
    OperationalError("INSERT", {}, pymysql.OperationalError(3819, "Check constraint")),
    IntegrityError("INSERT", {}, sqlite3.IntegrityError("CHECK constraint failed")),
]


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    """A database whose folder is missing."""
    return f"sqlite:///{tmp_path}/nowhere/shop.db"


@pytest.fixture
async def store(nowhere: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OrderRepository]:
    monkeypatch.setattr(repository_module, "_BACKOFF_SECONDS", 0)
    async with open_repository(nowhere) as store:
        yield store


def failing(*errors: Exception) -> Callable[..., bool]:
    """Raises these one after the other, then succeeds."""
    left = list(errors)

    def work(_engine: Engine, _order_id: str) -> bool:
        if left:
            raise left.pop(0)
        return True

    return work


async def test_a_dead_lock_is_repeated_up_to_four_times(
    store: OrderRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository_module, "has_row", failing(*[DEAD_LOCK] * 4))
    assert await store.has_row("order") is True


async def test_after_the_fifth_dead_lock_the_database_counts_as_away(
    store: OrderRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository_module, "has_row", failing(*[DEAD_LOCK] * 5))
    with pytest.raises(DatabaseUnavailable) as error:
        await store.has_row("order")
    assert str(error.value) == "OperationalError 1213"
    assert await store.has_row("order") is True


async def test_all_attempts_share_the_time_of_one(
    store: OrderRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else five of them could take longer than others wait before they claim the order."""
    deadlines: list[float] = []

    def lose(_engine: Engine, _message: object, *, deadline: float, **_more: object) -> None:
        deadlines.append(deadline)
        raise DEAD_LOCK

    monkeypatch.setattr(repository_module, "store_order", lose)
    monkeypatch.setattr(repository_module, "store_orders", lose)
    message: Any = None
    for storing in (store.store_alone, store.store_together, store.store_dropped):
        deadlines.clear()
        with pytest.raises(DatabaseUnavailable):
            await storing(message)
        assert len(deadlines) == 5
        assert len(set(deadlines)) == 1


async def test_a_dead_lock_after_the_time_is_up_is_not_repeated(
    store: OrderRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository_module, "TRANSACTION_SECONDS", 0)
    monkeypatch.setattr(repository_module, "has_row", failing(DEAD_LOCK))
    with pytest.raises(DatabaseUnavailable):
        await store.has_row("order")


@pytest.mark.parametrize("error", [GONE, TransactionTooSlow()], ids=["gone", "too slow"])
async def test_an_outage_is_not_repeated(
    store: OrderRepository, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(repository_module, "has_row", failing(error))
    with pytest.raises(DatabaseUnavailable):
        await store.has_row("order")


@pytest.mark.parametrize("table", [orders, purged_orders], ids=["stored", "purged"])
async def test_an_order_has_its_row_even_if_it_was_purged_since(
    tmp_path: Path, table: Table
) -> None:
    values: dict[str, Any] = {column.name: "x" for column in table.columns}
    values |= {"order_id": "known", "status": "rejected", "reason": "dropped", "total_idr": None}
    values |= dict.fromkeys(("accepted_at", "stored_at", "purged_at"), datetime.now(UTC))
    async with open_repository(f"sqlite:///{tmp_path / 'shop.db'}") as store:
        metadata.create_all(store._engine)
        with store._engine.begin() as connection:
            connection.execute(insert(table), {c.name: values[c.name] for c in table.columns})
        assert await store.has_row("known")
        assert not await store.has_row("unknown")


@pytest.mark.parametrize("error", CHECKS, ids=describe_error)
async def test_a_violated_check_is_no_outage(
    store: OrderRepository, monkeypatch: pytest.MonkeyPatch, error: DBAPIError
) -> None:
    assert not is_unavailable(error)
    monkeypatch.setattr(repository_module, "has_row", failing(error))
    with pytest.raises(type(error)):
        await store.has_row("order")


async def test_a_database_file_that_cannot_be_opened_is_an_outage(store: OrderRepository) -> None:
    with pytest.raises(DatabaseUnavailable) as error:
        await store.has_row("order")
    assert str(error.value) == "OperationalError SQLITE_CANTOPEN"


@pytest.mark.parametrize(("revision", "suits"), [("0001", False), ("0002", True), ("9999", True)])
async def test_an_older_schema_is_waited_for_and_a_newer_one_suits(
    tmp_path: Any, revision: str, suits: bool
) -> None:
    async with open_repository(f"sqlite:///{tmp_path / 'shop.db'}") as store:
        with store._engine.begin() as connection:
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:r)"), {"r": revision})
        if suits:
            assert await store.check() == f"revision {revision}"
        else:
            with pytest.raises(SchemaOutdated):
                await store.check()


def test_a_description_never_quotes_the_error() -> None:
    for error in (DEAD_LOCK, ValueError("Sari"), IntegrityError("x", {}, Exception("Sari"))):
        assert "Sari" not in describe_error(error)


def test_a_transaction_that_takes_too_long_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_module, "quantities_of", lambda _: {1: 1})
    with pytest.raises(TransactionTooSlow):
        orders_module._take_stock(None, [], deadline=0)  # type: ignore[arg-type]


async def test_a_check_does_not_wait_for_an_order_and_the_end_waits_for_it(
    nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on, done = threading.Event(), threading.Event(), list[str]()

    def take_long(_engine: Engine, order_id: str) -> bool:
        began.set()
        go_on.wait(60)
        done.append(order_id)
        return True

    def answer(_engine: Engine) -> str:
        return "revision 1"

    monkeypatch.setattr(repository_module, "has_row", take_long)
    monkeypatch.setattr(repository_module, "_require_schema", answer)
    async with open_repository(nowhere) as store:
        order = asyncio.create_task(store.has_row("order"))
        await asyncio.to_thread(began.wait, 60)
        check = asyncio.create_task(store.check())
        await asyncio.wait([check], timeout=30)
        assert check.done(), "the check waits for the order"
        order.cancel()
        asyncio.get_running_loop().call_later(0.1, go_on.set)
    assert done == ["order"], "the store was closed while a transaction was under way"


def test_the_times_of_the_order_path_fit_together() -> None:
    """Each step ends before whoever waits for it gives up."""
    statement, transaction = repository_module._STATEMENT_SECONDS, orders_module.TRANSACTION_SECONDS
    claim_idle, heartbeat = Settings().claim_idle_seconds, worker_module.HEARTBEAT_LIMIT_SECONDS
    assert statement <= 2  # as the contract says
    assert statement < 2 * transaction < claim_idle < heartbeat
    assert heartbeat > 2 * worker_module._LONGEST_PAUSE_SECONDS
    assert claim_idle > 10 * worker_module._CLAIM_EVERY_SECONDS
    assert handlers_module._CACHE_SECONDS <= 0.05  # as the contract says


async def test_the_limit_of_a_statement_is_asked_for(
    nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def create(url: str, **options: Any) -> Engine:
        asked.append(options)
        return create_database_engine(url, **options)

    monkeypatch.setattr(repository_module, "create_database_engine", create)
    async with open_repository(nowhere):
        pass
    limit = repository_module._STATEMENT_SECONDS
    assert [(one["read_only"], one["statement_seconds"]) for one in asked] == [
        (False, limit),
        (True, limit),
    ]
