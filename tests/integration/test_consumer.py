"""From the stream to the row on every database: how each kind of order ends, alone and among
others in one transaction."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import Engine, insert, update

from contracts.orders import OrderMessage
from contracts.products import MAX_PRICE_IDR
from database.tables import order_items, orders, products, purged_orders, stock_ledger
from servicekit.database.engine import transaction
from servicekit.stream.consumer_group import Entry
from services.consumer import orders as orders_module
from services.consumer.decisions import Offer
from tests.integration.consuming import (
    CUSTOMER,
    GUEST,
    Consumer,
    assert_books_balance,
    consumer,
    dead_letters,
    deliveries,
    ends,
    make_order,
    pending_orders,
    publish,
    rows_of,
    stock_of,
)
from tests.servers import RedisServer, free_port

CONFIRMED = ("confirmed", None)
IN_TWO_WAYS = pytest.mark.parametrize("company", [0, 2], ids=["alone", "in a batch"])


@pytest.fixture(autouse=True)
def _patient_with_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer than an order waits for it."""
    monkeypatch.setattr("services.consumer.handlers._CACHE_SECONDS", 30)


@pytest.fixture
async def first(
    queue_server: RedisServer,
    queue: Redis,
    cache_server: RedisServer,
    cache: Redis,
    database_url: str,
) -> AsyncIterator[Consumer]:
    async with consumer(queue_server.url, cache_server.url, database_url) as one:
        yield one


def set_product(
    engine: Engine, product_id: int, *, stock: int | None = None, **values: Any
) -> None:
    """Change a product behind the shop's back, and its ledger so that the books balance."""
    before = stock_of(engine, product_id)
    with transaction(engine) as connection:
        if stock is not None:
            values["stock"], change = stock, stock - before
            connection.execute(
                insert(stock_ledger).values(
                    product_id=product_id,
                    change=change,
                    reason="correction",
                    created_at=make_order({1: 1}).accepted_at,
                )
            )
        statement = update(products).where(products.c.product_id == product_id)
        connection.execute(statement.values(**values))


@pytest.fixture
def dearest_product(engine: Engine) -> Iterable[int]:
    (price,) = (r["price_idr"] for r in rows_of(engine, products) if r["product_id"] == 9)
    set_product(engine, 9, price_idr=MAX_PRICE_IDR)
    yield 9
    set_product(engine, 9, price_idr=price)


@pytest.fixture
def refused_product(engine: Engine) -> Iterable[int]:
    """The database refuses every line of it, as a violated CHECK would."""
    refuse = (
        "SELECT RAISE(ABORT, 'refused')"
        if engine.dialect.name == "sqlite"
        else "SIGNAL SQLSTATE '45000'"
    )
    condition = (
        f"WHEN NEW.product_id = 9 BEGIN {refuse}; END"
        if engine.dialect.name == "sqlite"
        else f"BEGIN IF NEW.product_id = 9 THEN {refuse}; END IF; END"
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TRIGGER refusing BEFORE INSERT ON order_items FOR EACH ROW {condition}"
        )
    yield 9
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER refusing")


async def put_among_others(queue: Redis, company: int, subject: OrderMessage | str) -> set[str]:
    """The subject between innocent orders; returns their ids."""
    innocent = [make_order({1: 1}) for _ in range(company)]
    for one in innocent[:1]:
        await publish(queue, one)
    await publish(queue, subject)
    for one in innocent[1:]:
        await publish(queue, one)
    return {str(one.order_id) for one in innocent}


def assert_confirmed(engine: Engine, order_ids: set[str]) -> None:
    found = ends(engine)
    assert {order_id: found.get(order_id) for order_id in order_ids} == dict.fromkeys(
        order_ids, CONFIRMED
    )


async def assert_settled(queue: Redis) -> None:
    """Nothing waits, nothing is pending, no guest waits, no dead letter."""
    assert await queue.xlen("orders") == 0
    assert await deliveries(queue) == {}
    assert await pending_orders(queue) == {}
    assert await dead_letters(queue) == []


async def test_an_order_becomes_rows_with_the_prices_of_the_database(
    first: Consumer, queue: Redis, engine: Engine
) -> None:
    order = make_order({1: 2, 2: 1})
    await publish(queue, order)
    before = {product_id: stock_of(engine, product_id) for product_id in (1, 2)}
    await first.handle()
    prices = {row["product_id"]: row["price_idr"] for row in rows_of(engine, products)}
    (row,) = rows_of(engine, orders)
    assert row["stored_at"] >= row["accepted_at"]
    del row["stored_at"]
    assert row == {
        "order_id": str(order.order_id),
        "guest_id": str(GUEST),
        "fingerprint": order.fingerprint,
        "status": "confirmed",
        "reason": None,
        "total_idr": 2 * prices[1] + prices[2],
        "customer_name": CUSTOMER["name"],
        "customer_email": CUSTOMER["email"],
        "customer_address": CUSTOMER["address"],
        "accepted_at": order.accepted_at,
    }
    lines = {
        (r["product_id"], r["quantity"], r["unit_price_idr"]) for r in rows_of(engine, order_items)
    }
    assert lines == {(1, 2, prices[1]), (2, 1, prices[2])}
    assert (stock_of(engine, 1), stock_of(engine, 2)) == (before[1] - 2, before[2] - 1)
    assert_books_balance(engine)
    await assert_settled(queue)


async def test_a_batch_stores_each_order(first: Consumer, queue: Redis, engine: Engine) -> None:
    set_product(engine, 4, stock=10)
    made = [make_order({1 + n % 3: 1, 4: 1}) for n in range(10)]
    for order in made:
        await publish(queue, order)
    assert await first.handler.handle_together(await first.read()) == []
    assert_confirmed(engine, {str(order.order_id) for order in made})
    assert_books_balance(engine)
    await assert_settled(queue)


@IN_TWO_WAYS
async def test_an_order_is_acknowledged_only_after_its_commit(
    first: Consumer,
    queue: Redis,
    cache: Redis,
    cache_server: RedisServer,
    engine: Engine,
    company: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page removed too early would be read again with the old stock, by whoever comes before
    the commit; an entry acknowledged too early would be lost with this process."""
    seen: list[tuple[str, int, int]] = []

    def look(when: str, rows: int) -> None:
        with SyncRedis.from_url(cache_server.url, protocol=2) as reader:
            pages: Any = reader.exists("c:product:1")
        seen.append((when, rows, pages))

    @contextmanager
    def look_and_commit(engine: Engine) -> Iterator[Any]:
        with transaction(engine) as connection:
            yield connection
            look("at the commit", 0)

    settle = first.group.settle

    async def look_and_settle(entries: list[Entry], changes: Any) -> None:
        look("at the acknowledgement", len(ends(engine)))
        await settle(entries, changes)

    monkeypatch.setattr(orders_module, "transaction", look_and_commit)
    monkeypatch.setattr(first.group, "settle", look_and_settle)
    await cache.set("c:product:1", b"old")
    for _ in range(1 + company):
        await publish(queue, make_order({1: 1}))
    await first.handle()
    assert seen == [("at the commit", 0, 1), ("at the acknowledgement", 1 + company, 0)]


@IN_TWO_WAYS
async def test_an_order_whose_acknowledgement_was_lost_is_settled_by_the_next_consumer(
    first: Consumer,
    queue_server: RedisServer,
    cache_server: RedisServer,
    database_url: str,
    queue: Redis,
    engine: Engine,
    company: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def die(*_: Any) -> None:
        raise RedisConnectionError("killed between commit and acknowledgement")

    for _ in range(1 + company):
        await publish(queue, make_order({1: 1}))
    before = stock_of(engine, 1)
    with monkeypatch.context() as patch:
        patch.setattr(first.group, "settle", die)
        with pytest.raises(RedisConnectionError):
            await first.handle()
    assert len(await deliveries(queue)) == 1 + company
    async with consumer(queue_server.url, cache_server.url, database_url, name="next") as second:
        assert await second.handle_claimed() == 1 + company
    assert stock_of(engine, 1) == before - (1 + company)
    assert_books_balance(engine)
    await assert_settled(queue)


@IN_TWO_WAYS
async def test_a_redelivery_takes_no_stock_again(
    first: Consumer, queue: Redis, engine: Engine, company: int
) -> None:
    order = make_order({1: 3})
    await publish(queue, order)
    await first.handle()
    before = stock_of(engine, 1)
    innocent = await put_among_others(queue, company, order)
    await first.handle()
    assert stock_of(engine, 1) == before - company
    assert_confirmed(engine, innocent | {str(order.order_id)})
    assert_books_balance(engine)
    await assert_settled(queue)


async def test_the_same_order_twice_in_one_batch_is_one_order(
    first: Consumer, queue: Redis, engine: Engine
) -> None:
    order, before = make_order({1: 3}), stock_of(engine, 1)
    for one in (order, make_order({2: 1}), order):
        await publish(queue, one)
    await first.handle()
    assert stock_of(engine, 1) == before - 3
    assert_books_balance(engine)
    await assert_settled(queue)


@IN_TWO_WAYS
async def test_a_redelivery_that_races_with_the_first_delivery_is_told_by_the_row_it_meets(
    first: Consumer, queue: Redis, engine: Engine, company: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both looked before either had committed: the primary key decides."""
    order = make_order({1: 3})
    await publish(queue, order)
    await first.handle()
    before = stock_of(engine, 1)
    look_too_early(monkeypatch)
    innocent = await put_among_others(queue, company, order)
    await first.handle()
    assert stock_of(engine, 1) == before - company
    assert_confirmed(engine, innocent | {str(order.order_id)})
    assert_books_balance(engine)
    await assert_settled(queue)


@IN_TWO_WAYS
@pytest.mark.parametrize("too_early", [False, True], ids=["looked up", "raced"])
async def test_a_key_with_another_body_is_a_dead_letter_and_the_first_order_stands(
    first: Consumer,
    queue: Redis,
    engine: Engine,
    company: int,
    too_early: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order, other = make_order({1: 3}, "key"), make_order({2: 1}, "key")
    await publish(queue, order)
    await first.handle()
    before = stock_of(engine, 2)
    if too_early:
        look_too_early(monkeypatch)
    innocent = await put_among_others(queue, company, other)
    await first.handle()
    ((_, letter),) = await dead_letters(queue)
    assert letter["reason"] == "key_reuse"
    assert await pending_orders(queue) == {}
    assert stock_of(engine, 2) == before
    assert_confirmed(engine, innocent | {str(order.order_id)})
    assert_books_balance(engine)


async def test_of_two_bodies_under_one_key_in_a_batch_the_first_stands(
    first: Consumer, queue: Redis, engine: Engine
) -> None:
    order, other = make_order({1: 3}, "key"), make_order({2: 1}, "key")
    for one in (order, make_order({3: 1}), other):
        await publish(queue, one)
    before = stock_of(engine, 2)
    await first.handle()
    ((_, letter),) = await dead_letters(queue)
    assert (letter["reason"], letter["order"]) == ("key_reuse", other.model_dump_json())
    assert stock_of(engine, 2) == before
    assert_confirmed(engine, {str(order.order_id)})
    assert_books_balance(engine)


def look_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next look-up finds nothing, as if the other transaction had not committed yet; in a
    batch the look-up of the order alone does so as well."""
    find_known, looked = orders_module._find_known, []

    def find_nothing_at_first(connection: Any, messages: list[OrderMessage]) -> Any:
        looked.append(len(messages))
        if looked == [len(messages)]:
            return {}
        return find_known(connection, messages)

    monkeypatch.setattr(orders_module, "_find_known", find_nothing_at_first)


@IN_TWO_WAYS
async def test_a_product_twice_in_one_message_is_an_invalid_message(
    first: Consumer, queue: Redis, engine: Engine, company: int
) -> None:
    order = make_order({1: 1})
    line = '{"product_id":1,"quantity":1}'
    text = order.model_dump_json().replace(line, f"{line},{line}")
    await publish(queue, order)
    await queue.xtrim("orders", maxlen=0)
    innocent = await put_among_others(queue, company, text)
    await first.handle()
    ((_, letter),) = await dead_letters(queue)
    assert (letter["reason"], letter["order"], letter["deliveries"]) == ("invalid", text, "1")
    assert (await pending_orders(queue))[str(order.order_id)]["reason"] == "held"
    assert_confirmed(engine, innocent)
    assert_books_balance(engine)


@IN_TWO_WAYS
async def test_an_unknown_product_rejects_its_order_and_no_other(
    first: Consumer, queue: Redis, engine: Engine, company: int
) -> None:
    order, before = make_order({1: 1, 10**12: 1}), stock_of(engine, 1)
    innocent = await put_among_others(queue, company, order)
    await first.handle()
    assert ends(engine)[str(order.order_id)] == ("rejected", "unknown_product")
    assert stock_of(engine, 1) == before - company
    assert_confirmed(engine, innocent)
    items = [r for r in rows_of(engine, order_items) if r["order_id"] == str(order.order_id)]
    assert {item["unit_price_idr"] for item in items} == {None}
    assert len(items) == 2
    assert_books_balance(engine)
    await assert_settled(queue)


@IN_TWO_WAYS
async def test_what_the_database_refuses_is_the_fault_of_its_message_alone(
    first: Consumer, queue: Redis, engine: Engine, company: int, refused_product: int
) -> None:
    order = make_order({refused_product: 2})
    innocent = await put_among_others(queue, company, order)
    await first.handle()
    assert_confirmed(engine, innocent)
    assert list((await deliveries(queue)).values()) == [1]
    for _ in range(4):
        assert await first.handle_claimed() == 1
    ((_, letter),) = await dead_letters(queue)
    assert (letter["reason"], letter["deliveries"]) == ("deliveries_exhausted", "5")
    held = await pending_orders(queue)
    assert {order_id: one["reason"] for order_id, one in held.items()} == {
        str(order.order_id): "held"
    }
    assert await queue.xlen("orders") == 0
    assert str(order.order_id) not in ends(engine)
    assert_books_balance(engine)


async def test_the_dearest_total_is_a_row(
    first: Consumer, queue: Redis, engine: Engine, dearest_product: int
) -> None:
    order = make_order({dearest_product: 2}, expected_total_idr=2 * MAX_PRICE_IDR)
    await publish(queue, order)
    await first.handle()
    assert_confirmed(engine, {str(order.order_id)})
    assert_books_balance(engine)


@IN_TWO_WAYS
async def test_another_total_than_expected_rejects_its_order(
    first: Consumer, queue: Redis, engine: Engine, company: int
) -> None:
    order = make_order({1: 1}, expected_total_idr=1)
    innocent = await put_among_others(queue, company, order)
    await first.handle()
    assert ends(engine)[str(order.order_id)] == ("rejected", "price_changed")
    assert_confirmed(engine, innocent)
    assert_books_balance(engine)
    await assert_settled(queue)


async def test_the_expected_total_confirms(first: Consumer, queue: Redis, engine: Engine) -> None:
    price = next(r["price_idr"] for r in rows_of(engine, products) if r["product_id"] == 1)
    order = make_order({1: 3}, expected_total_idr=3 * price)
    await publish(queue, order)
    await first.handle()
    assert_confirmed(engine, {str(order.order_id)})


@IN_TWO_WAYS
async def test_one_line_without_stock_rejects_the_whole_order(
    first: Consumer, queue: Redis, engine: Engine, company: int
) -> None:
    set_product(engine, 5, stock=1)
    order, before = make_order({1: 1, 5: 2}), stock_of(engine, 1)
    innocent = await put_among_others(queue, company, order)
    await first.handle()
    assert ends(engine)[str(order.order_id)] == ("rejected", "out_of_stock")
    assert stock_of(engine, 1) == before - company
    assert_confirmed(engine, innocent)
    assert_books_balance(engine)
    await assert_settled(queue)


async def test_orders_of_one_batch_get_the_last_pieces_in_their_order(
    first: Consumer, queue: Redis, engine: Engine
) -> None:
    set_product(engine, 5, stock=4)
    wanted = [3, 2, 1, 1]
    made = [make_order({5: quantity}) for quantity in wanted]
    for order in made:
        await publish(queue, order)
    await first.handle()
    found = ends(engine)
    assert [found[str(order.order_id)] for order in made] == [
        CONFIRMED,
        ("rejected", "out_of_stock"),
        CONFIRMED,
        ("rejected", "out_of_stock"),
    ]
    assert stock_of(engine, 5) == 0
    assert_books_balance(engine)


async def test_consumers_at_the_same_time_never_sell_more_than_there_is(
    first: Consumer,
    queue_server: RedisServer,
    cache_server: RedisServer,
    database_url: str,
    queue: Redis,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("servicekit.stream.consumer_group.BLOCK_SECONDS", 0.05)
    set_product(engine, 5, stock=10)
    set_product(engine, 6, stock=10)
    # In both orders of lines: stock is taken in the order of ids, so nobody dead-locks.
    made = [make_order({5: 1, 6: 1} if n % 2 else {6: 1, 5: 1}) for n in range(40)]
    for order in made:
        await publish(queue, order)
    async with consumer(queue_server.url, cache_server.url, database_url, name="next") as second:

        async def work(one: Consumer) -> None:
            while await queue.xlen("orders"):
                await one.handle(7)

        async with asyncio.timeout(60):
            await asyncio.gather(work(first), work(second))
    found = list(ends(engine).values())
    assert len(found) == 40
    assert found.count(CONFIRMED) == 10
    assert found.count(("rejected", "out_of_stock")) == 30
    assert (stock_of(engine, 5), stock_of(engine, 6)) == (0, 0)
    assert_books_balance(engine)
    await assert_settled(queue)


@IN_TWO_WAYS
async def test_stock_that_went_after_it_was_read_is_guarded_by_the_decrement(
    first: Consumer, queue: Redis, engine: Engine, company: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_offers = orders_module._find_offers

    def find_old_stock(connection: Any, messages: list[OrderMessage]) -> dict[int, Offer]:
        offers = find_offers(connection, messages)
        return {p: Offer(offer.price_idr, offer.stock + 1000) for p, offer in offers.items()}

    set_product(engine, 5, stock=1)
    monkeypatch.setattr(orders_module, "_find_offers", find_old_stock)
    order = make_order({5: 2})
    innocent = await put_among_others(queue, company, order)
    await first.handle()
    assert ends(engine)[str(order.order_id)] == ("rejected", "out_of_stock")
    assert_confirmed(engine, innocent)
    assert_books_balance(engine)
    await assert_settled(queue)


@IN_TWO_WAYS
async def test_an_order_purged_since_is_not_stored_again(
    first: Consumer, queue: Redis, engine: Engine, company: int
) -> None:
    order, other = make_order({1: 1}, "old key"), make_order({1: 2}, "old key")
    with transaction(engine) as connection:
        connection.execute(
            insert(purged_orders).values(
                order_id=str(order.order_id),
                fingerprint=order.fingerprint,
                status="confirmed",
                purged_at=order.accepted_at,
            )
        )
    innocent = await put_among_others(queue, company, order)
    await first.handle()
    await assert_settled(queue)
    await publish(queue, other)
    await first.handle()
    ((_, letter),) = await dead_letters(queue)
    assert letter["reason"] == "key_reuse"
    assert set(ends(engine)) == innocent
    assert_books_balance(engine)


async def test_pages_of_what_was_sold_are_removed_from_the_cache_and_no_others(
    first: Consumer, queue: Redis, cache: Redis
) -> None:
    for product_id in (1, 2, 3, 4, 5):
        await cache.set(f"c:product:{product_id}", b"old")
    await publish(queue, make_order({1: 1, 4: 1}))
    await publish(queue, make_order({5: 1}))
    await publish(queue, make_order({2: 1, 10**12: 1}))
    await first.handle()
    assert sorted(await cache.keys("*")) == [b"c:product:2", b"c:product:3"]


async def test_a_cache_that_is_away_fails_no_order(
    queue_server: RedisServer, queue: Redis, database_url: str, engine: Engine
) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    await publish(queue, make_order({1: 1}))
    async with consumer(queue_server.url, nowhere, database_url) as one:
        await one.handle()
    assert list(ends(engine).values()) == [CONFIRMED]
    await assert_settled(queue)


async def test_a_cache_that_is_silent_holds_no_order_up_and_is_no_fault(
    first: Consumer,
    queue: Redis,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def say_nothing(*_: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(first.handler._cache, "unlink", say_nothing)
    monkeypatch.setattr("services.consumer.handlers._CACHE_SECONDS", 0.05)
    await publish(queue, make_order({1: 1}))
    handling = asyncio.create_task(first.handle())
    await asyncio.wait([handling], timeout=30)
    assert handling.done(), "the order waits for the cache"
    await handling
    assert list(ends(engine).values()) == [CONFIRMED]
    await assert_settled(queue)
    assert [one.message for one in caplog.records if one.levelno > logging.INFO] == []
