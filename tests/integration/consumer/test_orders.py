"""From the stream to the row on every database: how each kind of order ends, alone and among
others in one transaction."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from redis import Redis as SyncRedis
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import Engine, insert

from contracts.orders import OrderMessage
from database.tables import order_items, orders, purged_orders
from local.free_port import free_port
from servicekit.database.engine import transaction
from servicekit.stream.consumer_group import Entry
from services.consumer import orders as orders_module
from services.consumer.decisions import Offer
from tests.integration.consumer.shop import CONFIRMED, Consumer, Ends, Shop
from tests.order_messages import CUSTOMER, GUEST, make_order

IN_TWO_WAYS = pytest.mark.parametrize("company", [0, 2], ids=["alone", "in a batch"])
OUT_OF_STOCK, UNKNOWN = ("rejected", "out_of_stock"), ("rejected", "unknown_product")
NOBODY = 10**12  # no product has this id


@pytest.fixture(autouse=True)
def _patient_with_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer than an order waits for it."""
    monkeypatch.setattr("services.consumer.handlers._CACHE_SECONDS", 30)


async def handle_among_others(shop: Shop, company: int, subject: OrderMessage | str) -> Ends:
    """Handle the subject between innocent orders, which are confirmed; returns the other ends."""
    innocent = await shop.publish_new(min(company, 1))
    await shop.publish(subject)
    innocent |= await shop.publish_new(company - len(innocent))
    await shop.first.handle()
    assert shop.first.group.in_flight == {}, "it would be released, as if it was never delivered"
    assert shop.ends(innocent) == dict.fromkeys(innocent, CONFIRMED)
    shop.assert_books_balance()
    return {order_id: end for order_id, end in shop.ends().items() if order_id not in innocent}


async def test_an_order_becomes_rows_with_the_prices_of_the_database(shop: Shop) -> None:
    jakarta = timezone(timedelta(hours=7))
    order = make_order({1: 2, 2: 1}, accepted_at=datetime.now(jakarta) - timedelta(hours=1))
    before, prices = shop.stocks(1, 2), [shop.product(n)["price_idr"] for n in (1, 2)]
    utc = order.model_dump(mode="json")["accepted_at"]
    text = order.model_dump_json().replace(utc, order.accepted_at.isoformat())
    assert "+07:00" in text
    await handle_among_others(shop, 0, text)
    (row,) = shop.rows(orders)
    assert datetime.now(UTC) - row.pop("stored_at") < timedelta(minutes=30)
    assert row == {
        "order_id": str(order.order_id),
        "guest_id": str(GUEST),
        "fingerprint": order.fingerprint,
        "status": "confirmed",
        "reason": None,
        "total_idr": 2 * prices[0] + prices[1],
        **{f"customer_{name}": value for name, value in CUSTOMER.items()},
        "accepted_at": order.accepted_at,
    }
    items = [tuple(row.values()) for row in shop.rows(order_items)]
    order_id = str(order.order_id)
    assert sorted(items) == [(order_id, 1, 2, prices[0]), (order_id, 2, 1, prices[1])]
    assert shop.stocks(1, 2) == [before[0] - 2, before[1] - 1]
    await shop.until_settled()


ENDS = {
    "the expected total": ({1: 3}, 0, CONFIRMED),
    "another total": ({1: 3}, 1, ("rejected", "price_changed")),
    "an unknown product": ({1: 1, NOBODY: 1}, None, UNKNOWN),
    "a line without stock": ({1: 1, 5: 2}, None, OUT_OF_STOCK),
}


@IN_TWO_WAYS
@pytest.mark.parametrize(("lines", "error", "end"), ENDS.values(), ids=ENDS)
async def test_an_order_ends_whole_and_touches_no_other(
    shop: Shop, company: int, lines: dict[int, int], error: int | None, end: tuple[str, str | None]
) -> None:
    shop.set_stock(5, 1)
    expected = None if error is None else 3 * shop.product(1)["price_idr"] + error
    order, (before,) = make_order(lines, expected_total_idr=expected), shop.stocks(1)
    ends = await handle_among_others(shop, company, order)
    assert ends == {str(order.order_id): end}
    confirmed = end == CONFIRMED
    assert shop.stocks(1) == [before - company - (lines[1] if confirmed else 0)]
    items = [one for one in shop.rows(order_items) if one["order_id"] == str(order.order_id)]
    assert {one["product_id"]: one["quantity"] for one in items} == lines
    assert all((one["unit_price_idr"] is not None) == confirmed for one in items)
    await shop.until_settled()


@IN_TWO_WAYS
async def test_an_order_is_acknowledged_only_after_its_commit(shop: Shop, company: int) -> None:
    """A page removed too early would be read again with the old stock, by whoever comes before
    the commit; an entry acknowledged too early would be lost with this process."""
    seen: list[tuple[str, int, Any]] = []

    def look(when: str, rows: int) -> None:
        with SyncRedis.from_url(shop.cache_url, protocol=2) as reader:
            seen.append((when, rows, reader.exists("c:product:1")))

    @contextmanager
    def look_and_commit(engine: Engine) -> Iterator[Any]:
        with transaction(engine) as connection:
            yield connection
            look("at the commit", 0)

    settle = shop.first.group.settle

    async def look_and_settle(entries: list[Entry], changes: Any) -> None:
        look("at the acknowledgement", len(shop.ends()))
        await settle(entries, changes)

    shop.patch.setattr(orders_module, "transaction", look_and_commit)
    shop.patch.setattr(shop.first.group, "settle", look_and_settle)
    await shop.cache.set("c:product:1", b"old")
    await shop.publish_new(1 + company)
    await shop.first.handle()
    assert seen == [("at the commit", 0, 1), ("at the acknowledgement", 1 + company, 0)]


@IN_TWO_WAYS
async def test_an_order_whose_acknowledgement_was_lost_is_settled_by_the_next_consumer(
    shop: Shop, company: int
) -> None:
    async def die(*_: Any) -> None:
        raise RedisConnectionError("killed between commit and acknowledgement")

    (before,) = shop.stocks(1)
    await shop.publish_new(1 + company)
    shop.patch.setattr(shop.first.group, "settle", die)
    with pytest.raises(RedisConnectionError):
        await shop.first.handle()
    assert len(await shop.deliveries()) == 1 + company
    async with shop.consumer("next") as second:
        assert await second.handle_claimed() == 1 + company
    assert shop.stocks(1) == [before - (1 + company)]
    shop.assert_books_balance()
    await shop.until_settled()


@IN_TWO_WAYS
@pytest.mark.parametrize("reused", [False, True], ids=["redelivered", "reused key"])
@pytest.mark.parametrize("how", ["stored", "raced", "purged"])
async def test_a_redelivery_takes_no_stock_again_and_of_a_reused_key_the_first_order_stands(
    shop: Shop, company: int, reused: bool, how: str
) -> None:
    """Raced: both looked before either had committed; then the primary key decides."""
    order, other = make_order({1: 3}, "key"), make_order({2: 1}, "key")
    if how == "purged":
        row: dict[str, Any] = {"order_id": str(order.order_id), "fingerprint": order.fingerprint}
        with transaction(shop.engine) as connection:
            row |= {"status": "confirmed", "purged_at": order.accepted_at}
            connection.execute(insert(purged_orders).values(row))
    else:
        await shop.publish(order)
        await shop.first.handle()
    if how == "raced":
        look_too_early(shop)
    before = shop.stocks(1, 2)
    ends = await handle_among_others(shop, company, other if reused else order)
    assert ends == ({} if how == "purged" else {str(order.order_id): CONFIRMED})
    assert shop.stocks(1, 2) == [before[0] - company, before[1]]
    dead = await shop.dead_letters()
    assert [one["reason"] for one in dead.values()] == ["key_reuse"] * reused
    assert (await shop.pending(), await shop.queue.xlen("orders")) == ({}, 0)


def look_too_early(shop: Shop) -> None:
    """The next look-up finds nothing, as if the other transaction had not committed yet; in a
    batch the look-up of the order alone does so as well."""
    find_known, looked = orders_module._find_known, []

    def find_nothing_at_first(connection: Any, messages: list[OrderMessage]) -> Any:
        looked.append(len(messages))
        if looked == [len(messages)]:
            return {}
        return find_known(connection, messages)

    shop.patch.setattr(orders_module, "_find_known", find_nothing_at_first)


@pytest.mark.parametrize("reused", [False, True], ids=["redelivered", "reused key"])
async def test_of_one_key_twice_in_a_batch_the_first_stands(shop: Shop, reused: bool) -> None:
    order, other, before = make_order({1: 3}, "key"), make_order({2: 1}, "key"), shop.stocks(1, 2)
    for one in (order, make_order({3: 1}), other if reused else order):
        await shop.publish(one)
    await shop.first.handle()
    dead = [(one["reason"], one["order"]) for one in (await shop.dead_letters()).values()]
    assert dead == [("key_reuse", other.model_dump_json())] * reused
    assert shop.stocks(1, 2) == [before[0] - 3, before[1]]
    assert list(shop.ends().values()) == [CONFIRMED] * 2
    assert (await shop.pending(), await shop.queue.xlen("orders")) == ({}, 0)
    shop.assert_books_balance()


@IN_TWO_WAYS
async def test_a_product_twice_in_one_message_is_an_invalid_message(
    shop: Shop, company: int
) -> None:
    order, line = make_order({1: 1}), '{"product_id":1,"quantity":1}'
    text = order.model_dump_json().replace(line, f"{line},{line}")
    await shop.publish(order)
    await shop.queue.xtrim("orders", maxlen=0)
    assert await handle_among_others(shop, company, text) == {}
    (dead,) = (await shop.dead_letters()).values()
    assert (dead["reason"], dead["order"], dead["deliveries"]) == ("invalid", text, "1")
    assert await shop.pending() == {str(order.order_id): "held"}


@pytest.fixture
def refused_product(shop: Shop) -> Iterator[int]:
    """The database refuses every line of it, as a violated CHECK would."""
    trigger = "CREATE TRIGGER refusing BEFORE INSERT ON order_items FOR EACH ROW "
    if shop.engine.dialect.name == "sqlite":
        trigger += "WHEN NEW.product_id = 9 BEGIN SELECT RAISE(ABORT, 'refused'); END"
    else:
        trigger += "BEGIN IF NEW.product_id = 9 THEN SIGNAL SQLSTATE '45000'; END IF; END"
    with shop.engine.begin() as connection:
        connection.exec_driver_sql(trigger)
    yield 9
    with shop.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER refusing")


@IN_TWO_WAYS
async def test_what_the_database_refuses_is_the_fault_of_its_message_alone(
    shop: Shop, company: int, refused_product: int
) -> None:
    order = make_order({refused_product: 2})
    assert await handle_among_others(shop, company, order) == {}
    assert list((await shop.deliveries()).values()) == [1]
    for _ in range(4):
        assert await shop.first.handle_claimed() == 1
    (dead,) = (await shop.dead_letters()).values()
    assert (dead["reason"], dead["deliveries"]) == ("deliveries_exhausted", "5")
    assert await shop.pending() == {str(order.order_id): "held"}
    assert await shop.queue.xlen("orders") == 0
    assert str(order.order_id) not in shop.ends()


async def test_orders_of_one_batch_get_the_last_pieces_in_their_order(shop: Shop) -> None:
    shop.set_stock(5, 4)
    made = [make_order({5: quantity}) for quantity in (3, 2, 1, 1)]
    for order in made:
        await shop.publish(order)
    await shop.first.handle()
    found = shop.ends()
    ends = [found[str(order.order_id)] for order in made]
    assert ends == [CONFIRMED, OUT_OF_STOCK, CONFIRMED, OUT_OF_STOCK]
    assert shop.stocks(5) == [0]
    shop.assert_books_balance()


async def test_consumers_at_the_same_time_never_sell_more_than_there_is(shop: Shop) -> None:
    shop.patch.setattr("servicekit.stream.consumer_group.BLOCK_SECONDS", 0.05)
    shop.set_stock(5, 10)
    shop.set_stock(6, 10)
    for n in range(40):
        # In both orders of lines: stock is taken in the order of ids, so nobody dead-locks.
        await shop.publish(make_order({5: 1, 6: 1} if n % 2 else {6: 1, 5: 1}))

    async def work(one: Consumer) -> None:
        while await shop.queue.xlen("orders"):
            await one.handle(7)

    async with shop.consumer("next") as second:
        working = [asyncio.create_task(work(one)) for one in (shop.first, second)]
        await asyncio.wait(working, timeout=60)
        assert all(one.done() for one in working), f"{await shop.queue.xlen('orders')} are left"
        await asyncio.gather(*working)
    found = list(shop.ends().values())
    assert sorted(found) == sorted([CONFIRMED] * 10 + [OUT_OF_STOCK] * 30)
    assert shop.stocks(5, 6) == [0, 0]
    shop.assert_books_balance()
    await shop.until_settled()


@IN_TWO_WAYS
async def test_stock_that_went_after_it_was_read_is_guarded_by_the_decrement(
    shop: Shop, company: int
) -> None:
    find_offers = orders_module._find_offers

    def find_old_stock(connection: Any, messages: list[OrderMessage]) -> dict[int, Offer]:
        offers = find_offers(connection, messages)
        return {p: Offer(offer.price_idr, offer.stock + 1000) for p, offer in offers.items()}

    shop.set_stock(5, 1)
    shop.patch.setattr(orders_module, "_find_offers", find_old_stock)
    order = make_order({5: 2})
    ends = await handle_among_others(shop, company, order)
    assert ends == {str(order.order_id): OUT_OF_STOCK}
    await shop.until_settled()


async def test_pages_of_what_was_sold_are_removed_from_the_cache_and_no_others(shop: Shop) -> None:
    for product_id in (1, 2, 3, 4, 5):
        await shop.cache.set(f"c:product:{product_id}", b"old")
    for lines in ({1: 1, 4: 1}, {5: 1}, {2: 1, NOBODY: 1}):
        await shop.publish(make_order(lines))
    await shop.first.handle()
    assert sorted(await shop.cache.keys("*")) == [b"c:product:2", b"c:product:3"]


@pytest.mark.parametrize("silent", [False, True], ids=["lost", "silent"])
async def test_a_lost_or_silent_cache_fails_no_order_and_is_no_fault(
    shop: Shop, silent: bool, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = replace(shop, cache_url=f"redis://127.0.0.1:{free_port()}/0")
    async with nowhere.consumer() as one:
        if silent:
            shop.patch.setattr(one.handler._cache, "unlink", lambda *_: asyncio.Event().wait())
            shop.patch.setattr("services.consumer.handlers._CACHE_SECONDS", 0.05)
        await shop.publish_new(1)
        handling = asyncio.create_task(one.handle())
        await asyncio.wait([handling], timeout=30)
        assert handling.done(), "the order waits for the cache"
        await handling
    assert list(shop.ends().values()) == [CONFIRMED]
    await shop.until_settled()
    assert [one.message for one in caplog.records if one.levelno > logging.INFO] == []
