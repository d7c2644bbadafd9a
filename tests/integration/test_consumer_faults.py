"""What is lost when something dies, stops or goes away in the middle: nothing."""

import asyncio
import logging
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakeredis import TcpFakeServer
from redis.asyncio import Redis
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from database.schema import upgrade
from database.seed import seed
from servicekit.database.engine import create_database_engine, transaction
from servicekit.http_server.health import Health
from servicekit.stream.consumer_group import Entry
from services.consumer import orders as orders_module
from services.consumer.repository import DatabaseUnavailable
from services.consumer.worker import Worker
from tests.integration.consuming import (
    assert_books_balance,
    consumer,
    dead_letters,
    deliveries,
    ends,
    make_order,
    pending_orders,
    publish,
    running_consumer,
    stock_of,
)
from tests.publishing import redis_user
from tests.servers import MySqlServer, RedisServer, free_port, running
from tests.waiting import eventually_async as eventually

CONFIRMED = ("confirmed", None)
# What the consumer's user may do in the queue.
CONSUMER_RIGHTS = (
    "~orders ~orders:dead ~pending:* +xreadgroup +xautoclaim +xclaim +xpending +xack +xdel +xadd"
    " +xlen +xrange +hset +hdel +xgroup|create +xgroup|delconsumer +xinfo +multi +exec +discard"
    " +info"
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops that turn often, so that tests need not wait for them."""
    monkeypatch.setattr("servicekit.stream.consumer_group.BLOCK_SECONDS", 0.1)
    monkeypatch.setattr("services.consumer.worker._CLAIM_EVERY_SECONDS", 0.05)
    monkeypatch.setattr("services.consumer.worker._LONGEST_PAUSE_SECONDS", 0.2)


@contextmanager
def open_engine(url: str) -> Iterator[Engine]:
    engine = create_database_engine(url, read_only=False, connections=2, statement_seconds=10)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def own_mysql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySqlServer]:
    """A database server that these tests may stop, and then start again; with a shop in it."""
    server = MySqlServer(tmp_path_factory.mktemp("own"))
    with running(server):
        server.execute("CREATE DATABASE shop")
        with open_engine(server.url("shop")) as engine:
            upgrade(engine)
            seed(engine)
        yield server


@pytest.fixture
def own_sqlite(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with open_engine(url) as engine:
        upgrade(engine)
        seed(engine)
    return url


Ends = dict[str, tuple[str, str | None]]


async def until_stored(engine: Engine, number: int | set[str]) -> Ends:
    """All ends, once there are so many or those of these orders are among them."""

    async def read() -> Ends:
        return await asyncio.to_thread(ends, engine)

    if isinstance(number, int):
        return await eventually(read, lambda found: len(found) >= number)
    return await eventually(read, lambda found: number <= found.keys())


async def until_settled(queue: Redis) -> None:
    await eventually(lambda: queue.xlen("orders"), lambda backlog: backlog == 0)
    assert await deliveries(queue) == {}
    assert await pending_orders(queue) == {}
    assert await dead_letters(queue) == []


async def until_status(client: httpx.AsyncClient, status: str) -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        answer: dict[str, Any] = (await client.get("/readyz")).json()
        return answer

    return await eventually(read, lambda answer: answer["status"] == status)


async def test_a_database_that_stops_costs_no_delivery_and_no_order(
    queue_server: RedisServer, queue: Redis, cache_server: RedisServer, own_mysql: MySqlServer
) -> None:
    url = own_mysql.url("shop")
    async with running_consumer(
        queue_server.url, cache_server.url, url, claim_idle_seconds=0.5, max_deliveries=1
    ) as client:
        await until_status(client, "ok")
        own_mysql.stop(signal.SIGKILL)
        made = [make_order({1: 1}) for _ in range(20)]
        for order in made:
            await publish(queue, order)
        await until_status(client, "degraded")
        # Whatever was read is handed back as if it had not been.
        counts = await eventually(
            lambda: deliveries(queue), lambda counts: 1 not in counts.values()
        )
        assert set(counts.values()) <= {0}
        assert await queue.xlen("orders") == 20
        assert (await client.get("/healthz")).status_code == 200
        await asyncio.to_thread(own_mysql.start)
        with open_engine(url) as engine:
            found = await until_stored(engine, {str(order.order_id) for order in made})
            assert set(found.values()) == {CONFIRMED}
            assert_books_balance(engine)
        await until_settled(queue)


async def test_a_locked_database_costs_no_delivery(
    queue_server: RedisServer, queue: Redis, cache_server: RedisServer, own_sqlite: str
) -> None:
    async with consumer(queue_server.url, cache_server.url, own_sqlite) as one:
        await publish(queue, make_order({1: 1}))
        await publish(queue, make_order({1: 1}))
        path = own_sqlite.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseUnavailable):
                await one.handle()
            await one.group.release()
            assert set((await deliveries(queue)).values()) == {0}
            other.execute("ROLLBACK")
        assert await one.handle_claimed() == 2
    with open_engine(own_sqlite) as engine:
        assert list(ends(engine).values()) == [CONFIRMED] * 2
    await until_settled(queue)


async def test_a_commit_whose_reply_is_lost_is_not_acknowledged_and_not_repeated(
    queue_server: RedisServer,
    queue: Redis,
    cache_server: RedisServer,
    database_url: str,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def lose_the_reply(engine: Engine) -> Iterator[Any]:
        with transaction(engine) as connection:
            yield connection
        error = OperationalError("COMMIT", {}, Exception(2013, "lost connection"))
        error.connection_invalidated = True
        raise error

    before = stock_of(engine, 1)
    await publish(queue, make_order({1: 1}))
    async with consumer(queue_server.url, cache_server.url, database_url) as one:
        with monkeypatch.context() as patch:
            patch.setattr(orders_module, "transaction", lose_the_reply)
            with pytest.raises(DatabaseUnavailable):
                await one.handle()
        assert await queue.xlen("orders") == 1
        assert len(ends(engine)) == 1
        await one.group.release()
        assert await one.handle_claimed() == 1
    assert stock_of(engine, 1) == before - 1
    assert_books_balance(engine)
    await until_settled(queue)


async def test_a_flushed_queue_is_consumed_again_and_says_so(
    queue_server: RedisServer,
    queue: Redis,
    cache_server: RedisServer,
    database_url: str,
    engine: Engine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running_consumer(queue_server.url, cache_server.url, database_url):
        await publish(queue, make_order({1: 1}))
        await until_stored(engine, 1)
        with caplog.at_level(logging.ERROR):
            await queue.flushall()
            await publish(queue, make_order({1: 1}))
            await until_stored(engine, 2)
        assert "lost data" in caplog.text
        await until_settled(queue)


async def test_a_queue_killed_and_started_again_keeps_every_order(
    tmp_path: Path, cache_server: RedisServer, database_url: str, engine: Engine
) -> None:
    server = RedisServer(tmp_path, durable=True)
    with running(server):
        async with (
            running_consumer(server.url, cache_server.url, database_url, claim_idle_seconds=0.2),
            Redis.from_url(server.url, protocol=2) as queue,
        ):
            for _ in range(50):
                await publish(queue, make_order({1: 1}))
            server.stop(signal.SIGKILL)
            await asyncio.to_thread(server.start)
            for _ in range(5):
                await publish(queue, make_order({1: 1}))
            assert len(await until_stored(engine, 55)) == 55
            await until_settled(queue)
    assert_books_balance(engine)


async def test_the_stand_in_is_consumed_too_and_again_after_it_forgot_all(
    cache_server: RedisServer, own_sqlite: str
) -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    with open_engine(own_sqlite) as engine:
        with stand_in(port):
            async with running_consumer(url, cache_server.url, own_sqlite) as client:
                await order_through(url, engine, 1)
                answer = await until_status(client, "ok")
                assert "NOT DURABLE" in answer["checks"]["queue"]["detail"]
        async with running_consumer(url, cache_server.url, own_sqlite):
            with stand_in(port):
                await order_through(url, engine, 2)
            with stand_in(port):
                await order_through(url, engine, 3)


@contextmanager
def stand_in(port: int) -> Iterator[None]:
    server = TcpFakeServer(("127.0.0.1", port), server_type="redis", server_version=(6, 2))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


async def order_through(url: str, engine: Engine, number: int) -> None:
    async with Redis.from_url(url, protocol=2) as queue:
        await publish(queue, make_order({1: 1}))
        await until_stored(engine, number)


async def test_what_kills_a_consumer_each_time_is_dead_lettered_and_its_batch_mates_are_not(
    queue_server: RedisServer,
    queue: Redis,
    cache_server: RedisServer,
    database_url: str,
    engine: Engine,
) -> None:
    urls = (queue_server.url, cache_server.url, database_url)
    poison, *innocent = [make_order({1: 1}) for _ in range(6)]
    for order in (*innocent[:2], poison, *innocent[2:]):
        await publish(queue, order)
    async with consumer(*urls, name="killed") as one:
        assert len(await one.read()) == 6  # and dies with the whole batch in hand
    for turn in range(6):
        async with consumer(*urls, name=f"next-{turn}") as one:
            await die_of(one, poison)
            if await dead_letters(queue):
                break
    ((_, letter),) = await dead_letters(queue)
    assert str(poison.order_id) in letter["order"]
    assert (letter["reason"], letter["deliveries"]) == ("deliveries_exhausted", "5")
    assert set(ends(engine)) == {str(order.order_id) for order in innocent}
    assert await queue.xlen("orders") == 0
    held = await pending_orders(queue)
    assert held[str(poison.order_id)]["reason"] == "held"
    assert_books_balance(engine)


async def die_of(one: Any, poison: Any) -> None:
    """Claim and handle one by one, up to the entry that ends the process."""
    async for entry in one.group.claimed():
        if str(poison.order_id) in entry.fields[b"order"].decode() and entry.deliveries <= 5:
            return
        await one.handler.handle_alone(entry)


async def test_a_late_commit_of_a_consumer_that_was_paused_doubles_nothing(
    queue_server: RedisServer,
    queue: Redis,
    cache_server: RedisServer,
    database_url: str,
    engine: Engine,
) -> None:
    urls = (queue_server.url, cache_server.url, database_url)
    before = stock_of(engine, 1)
    await publish(queue, make_order({1: 1}))
    async with consumer(*urls) as paused, consumer(*urls, name="next") as other:
        (entry,) = await paused.read()
        assert await other.handle_claimed() == 1
        await paused.handler.handle_alone(entry)
    assert stock_of(engine, 1) == before - 1
    assert_books_balance(engine)
    await until_settled(queue)


async def test_nothing_is_read_before_the_database_has_its_schema(
    queue_server: RedisServer, queue: Redis, cache_server: RedisServer, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    await publish(queue, make_order({1: 1}))
    async with running_consumer(queue_server.url, cache_server.url, url) as client:

        async def detail() -> str:
            answer = (await client.get("/readyz")).json()
            return str(answer["checks"]["database"]["detail"])

        await eventually(detail, lambda text: "SchemaOutdated" in text)
        assert (await client.get("/readyz")).status_code == 503
        assert await queue.exists("orders") == 1
        assert await queue.xinfo_groups("orders") == []
        with open_engine(url) as engine:
            await asyncio.to_thread(upgrade, engine)
            await asyncio.to_thread(seed, engine)
            await until_stored(engine, 1)
        await until_status(client, "ok")


async def test_a_stop_finishes_the_transaction_in_flight_and_acknowledges_it(
    queue_server: RedisServer, queue: Redis, cache_server: RedisServer, own_mysql: MySqlServer
) -> None:
    url = own_mysql.url("shop")
    blocker = create_engine(url)
    with blocker.connect() as holder:
        holder.execute(text("SELECT 1 FROM products WHERE product_id = 1 FOR UPDATE"))
        service = running_consumer(queue_server.url, cache_server.url, url)
        await service.__aenter__()
        order = make_order({1: 1})
        await publish(queue, order)
        await eventually(lambda: waiting_for_locks(own_mysql), lambda waiting: waiting > 0)
        stop = asyncio.create_task(service.__aexit__(None, None, None))
        holder.rollback()
        await stop
    blocker.dispose()
    with open_engine(url) as engine:
        assert ends(engine)[str(order.order_id)] == CONFIRMED
    await until_settled(queue)
    assert await queue.xinfo_consumers("orders", "consumers") == []


async def waiting_for_locks(server: MySqlServer) -> int:
    def count() -> int:
        engine = create_engine(server.url("information_schema"))
        with engine.connect() as connection:
            # innodb_trx would do, but whoever reads it ten times a second never sees it change.
            row = connection.execute(
                text("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
            ).one()
        engine.dispose()
        return int(row[1])

    return await asyncio.to_thread(count)


async def test_a_stop_hands_back_what_was_not_begun(
    queue_server: RedisServer, queue: Redis, cache_server: RedisServer, own_sqlite: str
) -> None:
    """With the database away the entries in hand cannot be finished."""
    for _ in range(3):
        await publish(queue, make_order({1: 1}))
    path = own_sqlite.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with running_consumer(queue_server.url, cache_server.url, own_sqlite):
            await eventually(lambda: deliveries(queue), lambda counts: 1 in counts.values())
        other.execute("ROLLBACK")
    assert set((await deliveries(queue)).values()) == {0}
    # Long before the claim idle time of half a minute they are another consumer's.
    async with running_consumer(queue_server.url, cache_server.url, own_sqlite):
        with open_engine(own_sqlite) as engine:
            await until_stored(engine, 3)
    await until_settled(queue)


async def test_a_stop_between_two_orders_hands_back_those_not_begun(
    queue_server: RedisServer,
    queue: Redis,
    cache_server: RedisServer,
    database_url: str,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch that fell apart is handled one by one; SIGTERM comes after the first of three."""
    health = Health()
    async with consumer(queue_server.url, cache_server.url, database_url) as one:
        handle_alone = one.handler.handle_alone

        async def fall_apart(entries: list[Entry]) -> list[Entry]:
            return entries

        async def be_the_last(entry: Entry) -> None:
            health.start_draining()
            await handle_alone(entry)

        monkeypatch.setattr(one.handler, "handle_together", fall_apart)
        monkeypatch.setattr(one.handler, "handle_alone", be_the_last)
        ids = [await publish(queue, make_order({1: 1})) for _ in range(3)]
        async with Worker(one.group, one.handler, one.repository, health, batch_size=10).running():
            await until_stored(engine, 1)
    assert await deliveries(queue) == dict.fromkeys(ids[1:], 0)
    assert len(ends(engine)) == 1


async def test_the_consumer_needs_no_more_rights_than_the_contract_grants(
    queue_server: RedisServer,
    queue: Redis,
    cache_server: RedisServer,
    database_url: str,
    engine: Engine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with redis_user(queue, queue_server, CONSUMER_RIGHTS) as url:
        await publish(queue, "poison")
        await publish(queue, make_order({1: 1}))
        with caplog.at_level(logging.WARNING):
            async with running_consumer(
                url, cache_server.url, database_url, claim_idle_seconds=0.05
            ) as client:
                await until_status(client, "ok")
                await until_stored(engine, 1)
                async with consumer(url, cache_server.url, database_url, name="gone") as other:
                    await publish(queue, make_order({1: 1}))
                    await other.read()
                    await other.group.release()
                await until_stored(engine, 2)
                await eventually(lambda: queue.xlen("orders"), lambda backlog: backlog == 0)
        assert len(await dead_letters(queue)) == 1
        assert "permission" not in caplog.text.lower()
