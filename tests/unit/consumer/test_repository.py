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
from sqlalchemy.exc import IntegrityError, OperationalError

from database.tables import metadata, orders, purged_orders
from servicekit.database.engine import create_database_engine
from services.consumer import handlers, repository, worker
from services.consumer import orders as orders_module
from services.consumer.orders import TransactionTooSlow
from services.consumer.repository import (
    DatabaseUnavailable,
    OrderRepository,
    SchemaOutdated,
    describe_error,
    open_repository,
)
from services.consumer.settings import Settings
from tests.order_messages import make_order


def mysql_error(code: int) -> OperationalError:
    return OperationalError("UPDATE", {}, pymysql.OperationalError(code, "of Sari"))


DEAD_LOCK, GONE = mysql_error(1213), mysql_error(2006)
# MariaDB's and MySQL's violated CHECK are OperationalError to PyMySQL.
CHECKS = (
    mysql_error(4025),
    mysql_error(3819),
    IntegrityError("INSERT", {}, sqlite3.IntegrityError("CHECK constraint failed")),
)


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    """A database whose folder is missing."""
    return f"sqlite:///{tmp_path}/nowhere/shop.db"


@pytest.fixture
async def store(nowhere: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OrderRepository]:
    monkeypatch.setattr(repository, "_BACKOFF_SECONDS", 0)
    async with open_repository(nowhere) as store:
        yield store


@pytest.fixture
async def in_file(tmp_path: Path) -> AsyncIterator[OrderRepository]:
    async with open_repository(f"sqlite:///{tmp_path / 'shop.db'}") as store:
        yield store


Fail = Callable[..., None]


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Let the database raise these one after the other, and then succeed."""

    def fail_with(*errors: Exception) -> None:
        left = list(errors)

        def work(_engine: Engine, _order_id: str) -> bool:
            if left:
                raise left.pop(0)
            return True

        monkeypatch.setattr(repository, "has_row", work)

    return fail_with


async def test_a_dead_lock_is_repeated_up_to_four_times(store: OrderRepository, fail: Fail) -> None:
    fail(*[DEAD_LOCK] * 4)
    assert await store.has_row("order") is True
    fail(*[DEAD_LOCK] * 5)
    with pytest.raises(DatabaseUnavailable, match=r"^OperationalError 1213$"):
        await store.has_row("order")
    assert await store.has_row("order") is True


async def test_a_dead_lock_after_the_time_is_up_is_not_repeated(
    store: OrderRepository, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "TRANSACTION_SECONDS", 0)
    fail(DEAD_LOCK)
    with pytest.raises(DatabaseUnavailable):
        await store.has_row("order")


OURS = ValueError("of Sari")


@pytest.mark.parametrize("error", [GONE, TransactionTooSlow(), OURS, *CHECKS], ids=describe_error)
async def test_an_outage_is_told_from_a_fault_of_the_message_and_neither_is_repeated(
    store: OrderRepository, fail: Fail, error: Exception
) -> None:
    fail(error)
    with pytest.raises(type(error) if error in (OURS, *CHECKS) else DatabaseUnavailable):
        await store.has_row("order")
    assert "Sari" not in describe_error(error)


async def test_all_attempts_share_the_time_of_one(
    store: OrderRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else five of them could take longer than others wait before they claim the order."""
    deadlines: list[float] = []

    def lose(_engine: Engine, _message: object, *, deadline: float, **_more: object) -> None:
        deadlines.append(deadline)
        raise DEAD_LOCK

    monkeypatch.setattr(repository, "store_order", lose)
    monkeypatch.setattr(repository, "store_orders", lose)
    message: Any = None
    for storing in (store.store_alone, store.store_together, store.store_dropped):
        deadlines.clear()
        with pytest.raises(DatabaseUnavailable):
            await storing(message)
        assert (len(deadlines), len(set(deadlines))) == (5, 1)


@pytest.mark.parametrize("table", [orders, purged_orders], ids=["stored", "purged"])
async def test_an_order_has_its_row_even_if_it_was_purged_since(
    in_file: OrderRepository, table: Table
) -> None:
    values: dict[str, Any] = {column.name: "x" for column in table.columns}
    values |= {"order_id": "known", "status": "rejected", "reason": "dropped", "total_idr": None}
    values |= dict.fromkeys(("accepted_at", "stored_at", "purged_at"), datetime.now(UTC))
    metadata.create_all(in_file._engine)
    with in_file._engine.begin() as connection:
        connection.execute(insert(table), {c.name: values[c.name] for c in table.columns})
    assert await in_file.has_row("known")
    assert not await in_file.has_row("unknown")


@pytest.mark.parametrize(("revision", "suits"), [("0003", False), ("0004", True), ("9999", True)])
async def test_an_older_schema_is_waited_for_and_a_newer_one_suits(
    in_file: OrderRepository, revision: str, suits: bool
) -> None:
    with in_file._engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:r)"), {"r": revision})
    if suits:
        assert await in_file.check() == f"revision {revision}"
    else:
        with pytest.raises(SchemaOutdated):
            await in_file.check()


def test_a_transaction_that_takes_too_long_gives_up(
    in_file: OrderRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each product whose stock it takes, and before the commit."""
    order = make_order({1: 1})
    metadata.create_all(in_file._engine)
    with pytest.raises(TransactionTooSlow):
        orders_module.store_orders(in_file._engine, [order], deadline=0)
    assert not orders_module.has_row(in_file._engine, str(order.order_id))
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

    monkeypatch.setattr(repository, "has_row", take_long)
    monkeypatch.setattr(repository, "_require_schema", lambda _engine: "revision 1")
    async with open_repository(nowhere) as store:
        order = asyncio.create_task(store.has_row("order"))
        await asyncio.to_thread(began.wait, 60)
        check = asyncio.create_task(store.check())
        await asyncio.wait([check], timeout=30)
        assert check.done(), "the check waits for the order"
        order.cancel()
        asyncio.get_running_loop().call_later(0.1, go_on.set)
    assert done == ["order"], "the repository was closed while a transaction was under way"


async def test_the_times_of_the_order_path_fit_together(
    nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step ends before whoever waits for it gives up."""
    asked: list[dict[str, Any]] = []

    def create(url: str, **options: Any) -> Engine:
        asked.append(options)
        return create_database_engine(url, **options)

    monkeypatch.setattr(repository, "create_database_engine", create)
    async with open_repository(nowhere):
        assert [one["read_only"] for one in asked] == [False, True]
    (statement,) = {one["statement_seconds"] for one in asked}
    transaction = orders_module.TRANSACTION_SECONDS
    claim_idle, heartbeat = Settings().claim_idle_seconds, worker.HEARTBEAT_LIMIT_SECONDS
    # As the contract says.
    assert (claim_idle, Settings().max_deliveries, statement) == (30, 5, 2)
    assert statement < 2 * transaction < claim_idle < heartbeat
    assert heartbeat > 2 * worker._LONGEST_PAUSE_SECONDS
    assert claim_idle > 10 * worker._CLAIM_EVERY_SECONDS
    assert handlers._CACHE_SECONDS <= 0.05  # as the contract says
