"""What is lost when something dies, stops or cannot be reached in the middle: nothing."""

import asyncio
import logging
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from fakeredis import TcpFakeServer
from redis.asyncio import Redis
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from database.rights import TABLE_RIGHTS, Right
from database.schema import upgrade
from database.seed import seed
from local.free_port import free_port
from servicekit.database.engine import create_database_engine, transaction
from servicekit.redis import create_redis
from servicekit.stream.consumer_group import BLOCK_SECONDS
from services.consumer import orders as orders_module
from services.consumer.repository import DatabaseUnavailable
from tests.integration.consumer.shop import Consumer, Shop
from tests.order_messages import make_order
from tests.publishing import redis_user
from tests.servers import MySqlServer, RedisServer, running
from tests.waiting import eventually_async as eventually

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
def with_database(stores: Shop, url: str, *, migrated: bool = True) -> Iterator[Shop]:
    engine = create_database_engine(url, read_only=False, connections=2, statement_seconds=10)
    if migrated:
        upgrade(engine)
        seed(engine)
    yield replace(stores, database_url=url, engine=engine)
    engine.dispose()


@pytest.fixture(scope="module")
def own_mysql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySqlServer]:
    """A database server that these tests may stop, and then start again."""
    server = MySqlServer(tmp_path_factory.mktemp("own"))
    with running(server):
        server.execute("CREATE DATABASE shop")
        yield server


@pytest.fixture
def on_mysql(stores: Shop, own_mysql: MySqlServer) -> Iterator[Shop]:
    with with_database(stores, own_mysql.url("shop")) as own:
        yield own


@pytest.fixture
def on_sqlite(stores: Shop, tmp_path: Path) -> Iterator[Shop]:
    with with_database(stores, f"sqlite:///{tmp_path / 'shop.db'}") as own:
        yield own


async def until_status(client: httpx.AsyncClient, status: str) -> dict[str, Any]:
    async def read() -> Any:
        return (await client.get("/readyz")).json()

    answer: dict[str, Any] = await eventually(read, lambda answer: answer["status"] == status)
    return answer


# What the shop in the fixture of these tests has is of no concern: one database is enough.
on_one_database = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@on_one_database
async def test_a_database_that_stops_costs_no_delivery_and_no_order(
    on_mysql: Shop, own_mysql: MySqlServer
) -> None:
    shop = on_mysql
    async with shop.service(claim_idle_seconds=0.5, max_deliveries=1) as client:
        await until_status(client, "ok")
        own_mysql.stop(signal.SIGKILL)
        made = await shop.publish_new(20)
        await until_status(client, "degraded")
        # Whatever was read is released as if it had not been.
        counts = await eventually(shop.deliveries, lambda counts: 1 not in counts.values())
        assert set(counts.values()) <= {0}
        assert await shop.queue.xlen("orders") == 20
        assert (await client.get("/healthz")).status_code == 200
        await asyncio.to_thread(own_mysql.start)
        await shop.until_settled()
    await shop.until_confirmed(made)
    shop.assert_books_balance()


@on_one_database
async def test_a_stop_releases_what_was_not_begun_while_the_database_is_locked(
    on_sqlite: Shop,
) -> None:
    shop = on_sqlite
    made = await shop.publish_new(3)
    path = shop.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with shop.service(max_deliveries=1):
            await eventually(shop.deliveries, lambda counts: 1 in counts.values())
        other.execute("ROLLBACK")
    assert list((await shop.deliveries()).values()) == [0, 0, 0]
    # Long before the claim idle time of half a minute they are another consumer's.
    async with shop.service(max_deliveries=1):
        await shop.until_settled()
    await shop.until_confirmed(made)


async def test_a_commit_whose_reply_is_lost_is_not_acknowledged_and_not_repeated(
    shop: Shop,
) -> None:
    """Nor looked for: what is not there yet may come."""

    @contextmanager
    def lose_the_reply(engine: Engine) -> Iterator[Any]:
        with transaction(engine) as connection:
            yield connection
        shop.patch.setattr(orders_module, "transaction", transaction)
        error = OperationalError("COMMIT", {}, Exception(2013, "lost connection"))
        error.connection_invalidated = True
        raise error

    (before,), made = shop.stocks(1), await shop.publish_new(1)
    shop.patch.setattr(orders_module, "transaction", lose_the_reply)
    with pytest.raises(DatabaseUnavailable):
        await shop.first.handle()
    assert await shop.queue.xlen("orders") == 1
    await shop.until_confirmed(made)
    await shop.first.group.release()
    assert await shop.first.handle_claimed() == 1
    assert shop.stocks(1) == [before - 1]
    shop.assert_books_balance()
    await shop.until_settled()


async def test_a_queue_killed_or_flushed_and_started_again_keeps_what_it_has(
    stores: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = RedisServer(tmp_path, durable=True)
    with running(server):
        async with Redis.from_url(server.url, protocol=2) as queue:
            own = replace(stores, queue_url=server.url, queue=queue)
            async with own.service(claim_idle_seconds=0.2):
                made = await own.publish_new(50)
                server.stop(signal.SIGKILL)
                await asyncio.to_thread(server.start)
                made |= await own.publish_new(5)
                await own.until_confirmed(made)
                await own.until_settled()
                assert len(own.ends()) == 55
                with caplog.at_level(logging.ERROR):
                    await queue.flushall()
                    await own.until_confirmed(await own.publish_new(1))
                assert "lost data" in caplog.text
                await own.until_settled()
    stores.assert_books_balance()


@on_one_database
async def test_the_stand_in_is_consumed_too_and_again_after_it_forgot_all(on_sqlite: Shop) -> None:
    port = free_port()
    shop = replace(on_sqlite, queue_url=f"redis://127.0.0.1:{port}/0")
    async with stand_in(shop, port) as made, shop.service() as client:
        await shop.until_confirmed(made)
        answer = await until_status(client, "ok")
        assert "NOT DURABLE" in answer["checks"]["queue"]["detail"]
    async with shop.service():
        for _ in range(2):
            async with stand_in(shop, port) as made:
                await shop.until_confirmed(made)


@asynccontextmanager
async def stand_in(shop: Shop, port: int) -> AsyncIterator[set[str]]:
    """In memory, with one new order, whose id it yields."""
    server = TcpFakeServer(("127.0.0.1", port), server_type="redis", server_version=(6, 2))
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        async with Redis.from_url(shop.queue_url, protocol=2) as queue:
            yield await replace(shop, queue=queue).publish_new(1)
    finally:
        server.shutdown()
        server.server_close()


async def test_what_kills_a_consumer_each_time_is_dead_lettered_and_its_batch_mates_are_not(
    stores: Shop,
) -> None:
    innocent, poison = await stores.publish_new(2), make_order({1: 1})
    await stores.publish(poison)
    innocent |= await stores.publish_new(3)
    async with stores.consumer("killed") as one:
        assert len(await one.group.read(100)) == 6  # and dies with the whole batch in flight
    for turn in range(6):
        async with stores.consumer(f"next-{turn}") as one:
            await die_of(one, str(poison.order_id))
            if await stores.dead_letters():
                break
    (dead,) = (await stores.dead_letters()).values()
    assert str(poison.order_id) in dead["order"]
    assert (dead["reason"], dead["deliveries"]) == ("deliveries_exhausted", "5")
    assert stores.ends().keys() == innocent
    assert await stores.queue.xlen("orders") == 0
    assert await stores.pending() == {str(poison.order_id): "held"}
    stores.assert_books_balance()


async def die_of(one: Consumer, poison: str) -> None:
    """Claim and handle one by one, up to the entry that ends the process."""
    async for entry in one.group.claimed():
        if poison in entry.fields[b"order"].decode() and entry.deliveries <= 5:
            return
        await one.handler.handle_alone(entry)


async def test_a_late_commit_of_a_consumer_that_was_paused_doubles_nothing(shop: Shop) -> None:
    (before,) = shop.stocks(1)
    await shop.publish_new(1)
    (entry,) = await shop.first.group.read(1)
    async with shop.consumer("next") as other:
        assert await other.handle_claimed() == 1
    await shop.first.handler.handle_alone(entry)
    assert shop.stocks(1) == [before - 1]
    shop.assert_books_balance()
    await shop.until_settled()


@on_one_database
async def test_nothing_is_read_before_the_database_has_its_schema(
    stores: Shop, tmp_path: Path
) -> None:
    made = await stores.publish_new(1)
    with with_database(stores, f"sqlite:///{tmp_path / 'new.db'}", migrated=False) as own:
        async with own.service() as client:

            async def detail() -> str:
                answer = (await client.get("/readyz")).json()
                return str(answer["checks"]["database"]["detail"])

            await eventually(detail, lambda text: "SchemaOutdated" in text)
            assert (await client.get("/readyz")).status_code == 503
            assert await stores.queue.xinfo_groups("orders") == []
            await asyncio.to_thread(upgrade, own.engine)
            await asyncio.to_thread(seed, own.engine)
            await own.until_confirmed(made)
            await until_status(client, "ok")


def grants(*privileges: str) -> list[str]:
    """These of the consumer's, table by table as the Job gives them."""
    return [
        f"GRANT {Right(privilege, f'shop.{table}', ', '.join(columns))} TO consumer"
        for table, rights in TABLE_RIGHTS["consumer"].items()
        for privilege, columns in rights.items()
        if privilege in privileges
    ]


@on_one_database
async def test_orders_wait_unharmed_for_rights_that_a_release_has_yet_to_grant(
    on_mysql: Shop, own_mysql: MySqlServer
) -> None:
    """A Job grants them after the schema, and nothing makes a consumer of the same release wait for
    it: neither before the first account is there, nor while a table may not be written yet."""
    shop = replace(on_mysql, database_url=own_mysql.url("shop", "consumer", "secret"))
    made = await shop.publish_new(20)
    async with shop.service(claim_idle_seconds=0.5, max_deliveries=1) as client:
        assert (await client.get("/readyz")).status_code == 503
        own_mysql.execute("CREATE USER consumer IDENTIFIED BY 'secret'", *grants("SELECT"))
        await until_status(client, "ok")
        # It reads, is refused by the database, and gives back as if it had not read.
        await eventually(shop.deliveries, lambda counts: set(counts.values()) == {0})
        assert await shop.dead_letters() == {}
        assert (await client.get("/healthz")).status_code == 200
        own_mysql.execute(*grants("INSERT", "UPDATE"))
        await shop.until_settled()
    await shop.until_confirmed(made)
    own_mysql.execute("DROP USER consumer")


@on_one_database
async def test_a_stop_finishes_the_transaction_in_flight_and_acknowledges_it(
    on_mysql: Shop,
) -> None:
    shop = on_mysql
    with shop.engine.connect() as holder, shop.engine.connect() as looking:

        def locked() -> int:
            # innodb_trx would do, but who reads it ten times a second never sees it change.
            status = text("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
            return int(looking.execute(status).one()[1])

        holder.execute(text("SELECT 1 FROM products WHERE product_id = 1 FOR UPDATE"))
        service = shop.service()
        await service.__aenter__()
        made = await shop.publish_new(1)
        await eventually(lambda: asyncio.to_thread(locked), lambda waiting: waiting > 0)
        stop = asyncio.create_task(service.__aexit__(None, None, None))
        holder.rollback()
        await stop
    await shop.until_confirmed(made, seconds=0)
    await shop.until_settled()
    assert await shop.queue.xinfo_consumers("orders", "consumers") == []


@on_one_database
async def test_each_process_is_a_consumer_of_its_own_and_ready_without_the_cache(
    stores: Shop,
) -> None:
    asked: dict[str, float] = {}

    def create(url: str, **options: Any) -> Redis:
        asked[url] = options["timeout_seconds"]
        return create_redis(url, **options)

    stores.patch.setattr("services.consumer.resources.create_redis", create)
    shop = replace(stores, cache_url=f"redis://127.0.0.1:{free_port()}/0")

    async def names() -> set[str]:
        await shop.publish_new(1)
        consumers: Any = await shop.queue.xinfo_consumers("orders", "consumers")
        return {one["name"] for one in consumers}

    async with shop.service() as client, shop.service():
        await shop.until_confirmed(await shop.publish_new(1))
        await eventually(names, lambda found: len(found) == 2)
        await until_status(client, "degraded")
        assert (await client.get("/readyz")).status_code == 200
    assert asked[shop.queue_url] > BLOCK_SECONDS, "reading times out while it waits for entries"


async def test_the_consumer_needs_no_more_rights_than_the_contract_grants(
    stores: Shop, queue_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with redis_user(stores.queue, queue_server, CONSUMER_RIGHTS) as url:
        own = replace(stores, queue_url=url)
        await stores.publish("poison")
        made = await stores.publish_new(1)
        with caplog.at_level(logging.WARNING):
            async with own.service(claim_idle_seconds=0.05) as client:
                await until_status(client, "ok")
                await stores.until_confirmed(made)
                async with own.consumer("gone") as other:
                    made = await stores.publish_new(1)
                    await other.group.read(100)
                    await other.group.release()
                await stores.until_confirmed(made)
                await eventually(lambda: stores.queue.xlen("orders"), lambda backlog: backlog == 0)
        assert len(await stores.dead_letters()) == 1
        assert "permission" not in caplog.text.lower()
