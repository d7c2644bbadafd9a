"""The database is lost on purpose: every accepted order is there afterwards, exactly once, or is
named, and its retry brings it back."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy import make_url, text

from housekeeping.__main__ import main
from tests.integration.consumer.shop import Shop as Stores
from tests.integration.housekeeping.shop import Shop
from tests.publishing import place, publisher
from tests.servers import MySqlServer, RedisServer


@pytest.fixture
def stores(
    kept_shop: Shop,
    queue_server: RedisServer,
    cache_server: RedisServer,
    queue: Redis,
    cache: Redis,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Stores:
    urls = (queue_server.url, cache_server.url, database_url)
    return Stores(*urls, queue, cache, kept_shop.engine, monkeypatch)


def destroy(shop: Shop, request: pytest.FixtureRequest) -> None:
    """Nothing of the database is left, as with a lost volume."""
    url = make_url(shop.engine.url)
    shop.engine.dispose()
    if url.get_backend_name() == "sqlite":
        for ending in ("", "-wal", "-shm"):
            Path(f"{url.database}{ending}").unlink(missing_ok=True)
        return
    server: MySqlServer = request.getfixturevalue("mysql_server")
    server.execute("DROP DATABASE shop")


async def test_a_lost_database_loses_no_order_that_is_not_named(
    kept_shop: Shop, stores: Stores, request: pytest.FixtureRequest
) -> None:
    await stores.queue.delete("orders")
    async with publisher(stores.queue_url, kept_shop.audit) as client:

        async def accept(*keys: str) -> dict[str, str]:
            answers = [await place(client, key) for key in keys]
            assert {answer.status_code for answer in answers} == {202}
            return {
                key: answer.json()["order_id"] for key, answer in zip(keys, answers, strict=True)
            }

        stored = await accept("a", "b")
        await settle(stores)
        stored |= (waiting := await accept("c"))
        kept_shop.run("backup")
        # Waited in the backup, stored after it; accepted after it; waits while it happens.
        after = await accept("d", "e")
        await settle(stores)
        late = await accept("f")

        destroy(kept_shop, request)
        said = await asyncio.to_thread(kept_shop.run, "restore")
        assert said["keys_cleared"] == 6
        await settle(stores)

        missing = {*waiting.values(), *after.values()}
        assert reconcile(kept_shop, code=1) == dict.fromkeys(missing, "after_backup")
        assert set(ids(stores)) >= {stored["a"], stored["b"], late["f"]}

        retried = await accept(*"abcdef")
        assert retried == stored | after | late
        await settle(stores)
    assert reconcile(kept_shop, code=0) == {}
    counts = Counter(ids(stores))
    assert {counts[order_id] for order_id in retried.values()} == {1}
    stores.assert_books_balance()
    assert await stores.dead_letters() == {}


async def settle(stores: Stores) -> None:
    """By a consumer that comes for it and goes again."""
    async with stores.consumer() as consumer:
        while await stores.queue.xlen("orders"):
            await consumer.handle()
    await stores.queue.xgroup_delconsumer("orders", "consumers", "first")


def ids(stores: Stores) -> list[str]:
    with stores.engine.connect() as connection:
        return list(connection.scalars(text("SELECT order_id FROM orders")))


def reconcile(shop: Shop, *, code: int) -> dict[str, str]:
    shop.capture.readouterr()
    assert main(["reconcile", "--json"]) == code
    found = json.loads(shop.capture.readouterr().out)["differences"]
    return {one["subject"]: one["kind"] for one in found}
