"""The dead-letter command: what an operator sees, and what becomes of the orders."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from redis.exceptions import NoPermissionError

from contracts.orders import OrderMessage
from database.tables import order_items
from local.free_port import free_port
from services.consumer.dead_letters import store as store_module
from services.consumer.dead_letters.command import parse_arguments, run
from services.consumer.settings import StoreSettings
from tests.integration.consumer.shop import CONFIRMED, Consumer, Shop
from tests.order_messages import CUSTOMER, make_order
from tests.publishing import redis_user
from tests.servers import RedisServer

ROOT = Path(__file__).parents[3]
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Operator:
    shop: Shop
    consumer: Consumer
    capture: pytest.CaptureFixture[str]

    async def call(self, *arguments: str, code: int = 0) -> str:
        """Run the command; what it printed, if it ended as expected."""
        settings = StoreSettings(
            queue_redis_url=self.shop.queue_url, database_url=self.shop.database_url
        )
        self.capture.readouterr()
        ended = await run(parse_arguments(arguments), settings)
        printed = self.capture.readouterr()
        assert ended == code, printed
        return printed.out + printed.err

    async def kill(self, order: OrderMessage | str) -> str:
        """Make a dead letter of an order: it was delivered too often. Returns its id."""
        await self.shop.publish(order, traceparent=TRACEPARENT)
        await self.consumer.group.read(100)
        await self.consumer.handle_claimed()
        return list(await self.shop.dead_letters())[-1]


@pytest.fixture
async def operator(stores: Shop, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Operator]:
    async with stores.consumer(max_deliveries=1) as one:
        yield Operator(stores, one, capsys)


async def test_the_list_shows_each_dead_letter_and_nothing_personal(operator: Operator) -> None:
    assert json.loads(await operator.call("list", "--json")) == []
    order = make_order({1: 1})
    ids = [await operator.kill(order), await operator.kill("poison")]
    shown = await operator.call("list")
    head, one, two, count = shown.splitlines()
    assert head.split() == ["ID", "REASON", "DELIVERIES", "ORDER_ID", "DEAD_SINCE"]
    assert one.split()[:4] == [ids[0], "deliveries_exhausted", "1", str(order.order_id)]
    assert two.split()[:4] == [ids[1], "deliveries_exhausted", "1", "-"]
    assert count == "2 dead letters"
    listed = json.loads(await operator.call("list", "--json"))
    assert [found["id"] for found in listed] == ids
    assert listed[0]["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    told = shown + json.dumps(listed)
    assert not [personal for personal in CUSTOMER.values() if personal in told]


async def test_show_tells_everything(operator: Operator) -> None:
    dead_letter_id = await operator.kill(make_order({1: 1}))
    (shown,) = json.loads(await operator.call("show", dead_letter_id, "--json"))
    assert json.loads(shown["order"])["customer"] == CUSTOMER
    assert CUSTOMER["address"] in await operator.call("show", dead_letter_id)


async def test_a_long_list_is_read_in_pages_and_replaying_all_ends_although_they_come_back(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_PAGE", 3)
    ids = [await operator.kill("poison") for _ in range(7)]
    assert [one["id"] for one in json.loads(await operator.call("list", "--json"))] == ids
    replay = store_module.DeadLetters.replay

    async def replay_and_die_again(self: Any, dead_letter: Any) -> None:
        await replay(self, dead_letter)
        await operator.consumer.handle()

    monkeypatch.setattr(store_module.DeadLetters, "replay", replay_and_die_again)
    replaying = asyncio.create_task(operator.call("replay", "--all"))
    await asyncio.wait([replaying], timeout=30)
    assert replaying.done(), "what came back is replayed again and again"
    await replaying
    assert len(await operator.shop.dead_letters()) == 7


async def test_a_replayed_order_is_stored_in_its_old_trace(
    operator: Operator, spans: InMemorySpanExporter
) -> None:
    shop, order = operator.shop, make_order({1: 1})
    dead_letter_id = await operator.kill(order)
    assert await shop.pending() == {str(order.order_id): "held"}
    await operator.call("replay", dead_letter_id)
    assert await shop.dead_letters() == {}
    assert await shop.pending() == {str(order.order_id): None}
    stream: Any = await shop.queue.xrange("orders")
    ((_, fields),) = stream
    assert fields.keys() == {b"schema", b"order", b"traceparent"}
    assert fields[b"traceparent"] == TRACEPARENT.encode()
    await operator.consumer.handle()
    assert shop.ends() == {str(order.order_id): CONFIRMED}
    shop.assert_books_balance()
    await shop.until_settled()
    # Its every processing and its replay, one after the other, under the span that sent it.
    of_orders = {SpanKind.CONSUMER, SpanKind.PRODUCER}
    told = [one for one in spans.get_finished_spans() if one.kind in of_orders]
    assert {one.name for one in told} == {"process orders", "replay orders"}
    _, trace_id, sender, _ = TRACEPARENT.split("-")
    for one in told:
        assert one.parent is not None
        assert (f"{one.parent.trace_id:032x}", f"{one.parent.span_id:016x}") == (trace_id, sender)
    ends = {"arloji.order.id": str(order.order_id)}
    assert all((one.attributes or {}).items() >= ends.items() for one in told)


async def test_replaying_a_reused_key_says_that_it_comes_back(operator: Operator) -> None:
    shop = operator.shop
    for order in (make_order({1: 1}, "key"), make_order({2: 1}, "key")):
        await shop.publish(order)
        await operator.consumer.handle()
    (dead_letter_id,) = await shop.dead_letters()
    assert "it will come back" in await operator.call("replay", dead_letter_id)
    await operator.consumer.handle()
    assert [one["reason"] for one in (await shop.dead_letters()).values()] == ["key_reuse"]
    assert await shop.pending() == {}


async def test_a_dropped_order_is_rejected_and_its_guest_sees_it(operator: Operator) -> None:
    shop, order = operator.shop, make_order({1: 2})
    dead_letter_id = await operator.kill(order)
    assert "its order is rejected" in await operator.call("drop", dead_letter_id)
    assert shop.ends() == {str(order.order_id): ("rejected", "dropped")}
    assert shop.rows(order_items) == [
        {"order_id": str(order.order_id), "product_id": 1, "quantity": 2, "unit_price_idr": None}
    ]
    shop.assert_books_balance()
    await shop.until_settled()


async def test_dropping_leaves_an_order_alone_that_has_its_row(operator: Operator) -> None:
    shop = operator.shop
    order, other = make_order({1: 1}, "key"), make_order({2: 1}, "key")
    await shop.publish(order)
    await operator.consumer.handle()
    for repeated in (order, other):
        await operator.kill(repeated)
    # The order has its row: nobody waits for it, although it is among the dead letters.
    assert await shop.pending() == {}
    assert (await operator.call("drop", "--all")).count("no order was changed") == 2
    assert shop.ends() == {str(order.order_id): CONFIRMED}
    assert await shop.dead_letters() == {}
    shop.assert_books_balance()


async def test_what_cannot_be_read_can_be_dropped(operator: Operator) -> None:
    for poison in ("poison", "[]", '{"order_id": 5}', "{" * 2000, ""):
        await operator.kill(poison)
    await operator.shop.queue.xadd("orders:dead", {b"\xff": b"\xff"})
    await operator.call("drop", "--all")
    assert await operator.shop.dead_letters() == {}
    assert operator.shop.ends() == {}


async def test_what_is_not_there_is_named_and_the_others_are_done(operator: Operator) -> None:
    dead_letter_id = await operator.kill(make_order({1: 1}))
    told = await operator.call("drop", "5-5", "nonsense", dead_letter_id, code=1)
    for line in ("there is no dead letter 5-5", "there is no dead letter nonsense"):
        assert line in told
    assert f"dropped {dead_letter_id}" in told


def test_neither_ids_nor_all_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["drop"], ["drop", "5-5", "--all"], ["bury"], []):
        with pytest.raises(SystemExit) as error:
            parse_arguments(arguments)
        assert error.value.code == 2
    assert "name one or more IDs, or give --all" in capsys.readouterr().err


@pytest.mark.parametrize(("act", "refused"), [("replay", "hset"), ("drop", "hdel")])
async def test_a_dead_letter_is_moved_or_deleted_whole_or_not_at_all(
    operator: Operator, queue_server: RedisServer, act: str, refused: str
) -> None:
    shop, order = operator.shop, make_order({1: 1})
    dead_letter_id = await operator.kill(order)
    async with redis_user(shop.queue, queue_server, f"~* +@all -{refused}") as url:
        shop.queue_url = url
        with pytest.raises(NoPermissionError):
            await operator.call(act, dead_letter_id)
    assert list(await shop.dead_letters()) == [dead_letter_id]
    assert await shop.queue.xlen("orders") == 0
    assert await shop.pending() == {str(order.order_id): "held"}


def call(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """As an operator does: exit code, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "services.consumer.dead_letters", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_lost_queue_is_one_clear_line() -> None:
    code, out, error = call("list", QUEUE_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert (code, out, error.count("\n")) == (1, "", 1)
    assert error.startswith("the queue cannot be asked: ")


async def test_with_a_lost_database_nothing_is_dropped(operator: Operator, tmp_path: Path) -> None:
    dead_letter_id = await operator.kill(make_order({1: 1}))
    nowhere = f"sqlite:///{tmp_path}/nowhere/shop.db"
    urls = {"QUEUE_REDIS_URL": operator.shop.queue_url, "DATABASE_URL": nowhere}
    code, out, error = await asyncio.to_thread(call, "drop", dead_letter_id, **urls)
    assert (code, out) == (1, "")
    assert "the database cannot be asked" in error
    assert list(await operator.shop.dead_letters()) == [dead_letter_id]
