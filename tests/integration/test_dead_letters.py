"""The dead-letter command: what an operator sees, and what becomes of the orders."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError
from sqlalchemy import Engine

from contracts.orders import OrderMessage
from database.tables import order_items
from services.consumer.dead_letters import store as store_module
from services.consumer.dead_letters.command import parse_arguments, run
from services.consumer.settings import StoreSettings
from tests.integration.consuming import (
    CUSTOMER,
    Consumer,
    assert_books_balance,
    consumer,
    dead_letters,
    ends,
    make_order,
    pending_orders,
    publish,
    rows_of,
)
from tests.publishing import redis_user
from tests.servers import RedisServer, free_port

ROOT = Path(__file__).parents[2]
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Command = Callable[..., Awaitable[int]]


@pytest.fixture
async def first(
    queue_server: RedisServer, queue: Redis, cache_server: RedisServer, database_url: str
) -> AsyncIterator[Consumer]:
    async with consumer(queue_server.url, cache_server.url, database_url, max_deliveries=1) as one:
        yield one


@pytest.fixture
def command(queue_server: RedisServer, database_url: str) -> Command:
    settings = StoreSettings(queue_redis_url=queue_server.url, database_url=database_url)

    async def run_it(*arguments: str) -> int:
        return await run(parse_arguments(arguments), settings)

    return run_it


async def kill(first: Consumer, queue: Redis, order: OrderMessage | str) -> str:
    """Make a dead letter of an order: it was delivered too often. Returns the letter's id."""
    await publish(queue, order, traceparent=TRACEPARENT)
    await first.read()
    await first.handle_claimed()
    return (await dead_letters(queue))[-1][0]


async def test_the_list_shows_each_letter_and_nothing_personal(
    first: Consumer, queue: Redis, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    order = make_order({1: 1})
    letter_id = await kill(first, queue, order)
    poison_id = await kill(first, queue, "poison")
    assert await command("list") == 0
    shown = capsys.readouterr().out
    head, one, two, count = shown.splitlines()
    assert head.split() == ["ID", "REASON", "DELIVERIES", "ORDER_ID", "DEAD_SINCE"]
    assert one.split()[:4] == [letter_id, "deliveries_exhausted", "1", str(order.order_id)]
    assert two.split()[:4] == [poison_id, "deliveries_exhausted", "1", "-"]
    assert count == "2 dead letters"
    assert not any(personal in shown for personal in CUSTOMER.values())


async def test_the_list_as_json_names_the_trace(
    first: Consumer, queue: Redis, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    await command("list", "--json")
    assert json.loads(capsys.readouterr().out) == []
    letter_id = await kill(first, queue, make_order({1: 1}))
    await kill(first, queue, make_order({1: 1}))
    await command("list", "--json")
    listed = json.loads(capsys.readouterr().out)
    assert len(listed) == 2
    assert listed[0]["id"] == letter_id
    assert listed[0]["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


async def test_a_long_list_is_read_in_pages(
    queue: Redis,
    command: Command,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_module, "_PAGE", 3)
    added: list[Any] = [await queue.xadd("orders:dead", {"reason": "invalid"}) for _ in range(7)]
    ids = [letter_id.decode() for letter_id in added]
    await command("list", "--json")
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == ids


async def test_show_tells_everything(
    first: Consumer, queue: Redis, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    order = make_order({1: 1})
    letter_id = await kill(first, queue, order)
    assert await command("show", letter_id, "--json") == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert json.loads(shown["order"])["customer"] == CUSTOMER
    assert await command("show", letter_id) == 0
    assert CUSTOMER["address"] in capsys.readouterr().out


async def test_a_replayed_order_is_stored_in_its_old_trace(
    first: Consumer, queue: Redis, command: Command, engine: Engine
) -> None:
    order = make_order({1: 1})
    letter_id = await kill(first, queue, order)
    assert (await pending_orders(queue))[str(order.order_id)]["reason"] == "held"
    assert await command("replay", letter_id) == 0
    assert await dead_letters(queue) == []
    assert (await pending_orders(queue))[str(order.order_id)]["reason"] is None
    stream: Any = await queue.xrange("orders")
    ((_, fields),) = stream
    assert fields.keys() == {b"schema", b"order", b"traceparent"}
    assert fields[b"traceparent"] == TRACEPARENT.encode()
    await first.handle()
    assert ends(engine) == {str(order.order_id): ("confirmed", None)}
    assert await pending_orders(queue) == {}
    assert_books_balance(engine)


async def test_replaying_all_ends_although_letters_come_back(
    first: Consumer, queue: Redis, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_PAGE", 1)
    for _ in range(3):
        await kill(first, queue, "poison")
    replay = store_module.DeadLetters.replay

    async def replay_and_die_again(self: Any, letter: Any) -> None:
        await replay(self, letter)
        await first.handle()

    monkeypatch.setattr(store_module.DeadLetters, "replay", replay_and_die_again)
    async with asyncio.timeout(30):
        assert await command("replay", "--all") == 0
    assert len(await dead_letters(queue)) == 3


async def test_replaying_a_reused_key_says_that_it_comes_back(
    first: Consumer, queue: Redis, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    for order in (make_order({1: 1}, "key"), make_order({2: 1}, "key")):
        await publish(queue, order)
        await first.handle()
    ((letter_id, _),) = await dead_letters(queue)
    await command("replay", letter_id)
    assert "it will come back" in capsys.readouterr().out
    await first.handle()
    ((_, letter),) = await dead_letters(queue)
    assert letter["reason"] == "key_reuse"
    assert await pending_orders(queue) == {}


async def test_a_dropped_order_is_rejected_and_its_guest_sees_it(
    first: Consumer,
    queue: Redis,
    command: Command,
    engine: Engine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    order = make_order({1: 2})
    letter_id = await kill(first, queue, order)
    assert await command("drop", letter_id) == 0
    assert "its order is rejected" in capsys.readouterr().out
    assert ends(engine) == {str(order.order_id): ("rejected", "dropped")}
    (item,) = rows_of(engine, order_items)
    assert (item["product_id"], item["quantity"], item["unit_price_idr"]) == (1, 2, None)
    assert await dead_letters(queue) == []
    assert await pending_orders(queue) == {}
    assert_books_balance(engine)


async def test_dropping_leaves_an_order_alone_that_has_its_row(
    first: Consumer,
    queue: Redis,
    command: Command,
    engine: Engine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    order, other = make_order({1: 1}, "key"), make_order({2: 1}, "key")
    await publish(queue, order)
    await first.handle()
    for letter in (order, other):
        await kill(first, queue, letter)
    # The order has its row: nobody waits for it, although it is among the dead letters.
    assert await pending_orders(queue) == {}
    assert await command("drop", "--all") == 0
    assert capsys.readouterr().out.count("no order was changed") == 2
    assert ends(engine) == {str(order.order_id): ("confirmed", None)}
    assert await dead_letters(queue) == []
    assert_books_balance(engine)


async def test_what_cannot_be_read_can_be_dropped(
    first: Consumer, queue: Redis, command: Command, engine: Engine
) -> None:
    for poison in ("poison", "[]", '{"order_id": 5}', "{" * 2000, ""):
        await kill(first, queue, poison)
    await queue.xadd("orders:dead", {b"\xff": b"\xff"})
    assert await command("drop", "--all") == 0
    assert await dead_letters(queue) == []
    assert ends(engine) == {}


async def test_a_letter_that_is_not_there_is_named_and_the_others_are_done(
    first: Consumer,
    queue: Redis,
    command: Command,
    engine: Engine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    letter_id = await kill(first, queue, make_order({1: 1}))
    assert await command("drop", "5-5", "nonsense", letter_id) == 1
    told = capsys.readouterr()
    assert "there is no dead letter 5-5" in told.err
    assert "there is no dead letter nonsense" in told.err
    assert f"dropped {letter_id}" in told.out


def test_neither_ids_nor_all_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["drop"], ["drop", "5-5", "--all"], ["bury"], []):
        with pytest.raises(SystemExit) as error:
            parse_arguments(arguments)
        assert error.value.code == 2
    assert "name one or more IDs, or give --all" in capsys.readouterr().err


def call(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """As an operator does."""
    return subprocess.run(
        [sys.executable, "-m", "services.consumer.dead_letters", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_queue_that_is_away_is_one_clear_line() -> None:
    done = call("list", QUEUE_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("the queue cannot be asked: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("act", "refused"), [("replay", "hset"), ("drop", "hdel")])
async def test_a_letter_is_moved_or_deleted_whole_or_not_at_all(
    first: Consumer,
    queue: Redis,
    queue_server: RedisServer,
    database_url: str,
    act: str,
    refused: str,
) -> None:
    order = make_order({1: 1})
    letter_id = await kill(first, queue, order)
    async with redis_user(queue, queue_server, f"~* +@all -{refused}") as url:
        settings = StoreSettings(queue_redis_url=url, database_url=database_url)
        with pytest.raises(NoPermissionError):
            await run(parse_arguments([act, letter_id]), settings)
    assert [letter for letter, _ in await dead_letters(queue)] == [letter_id]
    assert await queue.xlen("orders") == 0
    assert (await pending_orders(queue))[str(order.order_id)]["reason"] == "held"


async def test_a_database_that_is_away_drops_nothing(
    first: Consumer, queue: Redis, queue_server: RedisServer, tmp_path: Path
) -> None:
    letter_id = await kill(first, queue, make_order({1: 1}))
    done = await asyncio.to_thread(
        call,
        *("drop", letter_id),
        QUEUE_REDIS_URL=queue_server.url,
        DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/shop.db",
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "the database cannot be asked" in done.stderr
    assert len(await dead_letters(queue)) == 1
