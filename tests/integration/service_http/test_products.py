"""The cache in front of the catalogue: how old an answer may be, how often the database is asked,
and what remains when one of the two is unavailable."""

import asyncio
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import Engine, update

import services.service_http.product_snapshot as snapshot_module
import services.service_http.resources as resources_module
from contracts.products import Product
from contracts.telemetry import CACHE_REQUESTS, Metric
from database.tables import products
from local.free_port import free_port
from servicekit.cache.store import Entry, encode
from servicekit.telemetry.tracing import untraced
from services.service_http.products import SHAPE
from tests.reading import Start, on_a_server, on_any_database, statements_counted
from tests.servers import MySqlServer, RedisServer
from tests.servers import running as running_server
from tests.waiting import eventually_async as eventually

PRODUCT, LIST, UNKNOWN = "/api/products/1", "/api/products?ids=1,2,3", "/api/products/900009"
KEY, LOCK = "c:product:1", "c:lock:product:1"


@pytest.fixture(autouse=True)
def _no_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested here is what the cache alone knows."""
    monkeypatch.setattr(snapshot_module, "FIRST_AFTER_SECONDS", 600)


def set_stock(engine: Engine, product_id: int, stock: int) -> None:
    with engine.begin() as connection:
        connection.execute(
            update(products).where(products.c.product_id == product_id).values(stock=stock)
        )


async def shown_stock(api: httpx.AsyncClient, path: str) -> int | None:
    answer = await api.get(path)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    items = document.get("items", [document])
    stock: int | None = next(item["stock"] for item in items if item["product_id"] == 1)
    return stock


def is_stale(answer: httpx.Response) -> bool:
    return "age" in answer.headers


def is_current(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and not is_stale(answer)


def asked_for_products() -> Any:
    return statements_counted("FROM products")


@on_any_database
async def test_a_second_read_asks_the_cache_only_and_each_look_up_is_counted(
    start: Start, cache: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[tuple[object, ...]] = []

    def create_counter(metric: Metric) -> SimpleNamespace:
        return SimpleNamespace(add=lambda *added: counted.append((metric, *added)))

    monkeypatch.setattr(resources_module, "create_counter", create_counter)
    async with start() as api:
        # It asks for a list itself before it is ready.
        await eventually(lambda: api.get("/readyz"), lambda answer: answer.is_success)
        for path in (PRODUCT, LIST, "/api/brands", UNKNOWN):
            with asked_for_products() as asked:
                first = await api.get(path)
            assert asked
            with asked_for_products() as asked:
                second = await api.get(path)
            assert (second.status_code, asked) == (first.status_code, [])
            assert path == UNKNOWN or second.content == first.content
            assert not is_stale(second)
    results = (*("miss", "hit") * 3, "miss", "negative")
    assert counted == [(CACHE_REQUESTS, 1, {"result": result}) for result in results]
    assert 20 * 3600 < await cache.ttl(KEY) <= 24 * 3600
    assert 5_000 < await cache.pttl("c:product:900009") <= 10_000


@pytest.mark.parametrize("memory_bytes", [0, 2**20], ids=["redis", "process and redis"])
async def test_a_shown_stock_is_at_most_two_seconds_old(
    start: Start, engine: Engine, cache: Redis, memory_bytes: int
) -> None:
    """In the product and in a list alike, without anything that tells the cache; an entry that is
    unlinked is read again at once, or as soon as the process asks the cache again."""
    async with start(cache_memory_bytes=memory_bytes) as api:
        old = {path: await shown_stock(api, path) for path in (PRODUCT, LIST)}
        set_stock(engine, 1, 77)
        changed = time.monotonic()
        while old:
            for path in list(old):
                asked = time.monotonic()
                if await shown_stock(api, path) == 77:
                    del old[path]
                else:
                    assert asked - changed < 2
        set_stock(engine, 1, 76)
        await cache.unlink(KEY)
        unlinked = time.monotonic()
        while time.monotonic() - unlinked < 0.5 and memory_bytes:
            if await shown_stock(api, PRODUCT) == 76:
                break
        assert await shown_stock(api, PRODUCT) == 76


@on_any_database
async def test_what_the_service_has_not_written_is_a_miss(
    api: httpx.AsyncClient, cache: Redis
) -> None:
    """The lock of one that is gone included."""
    await cache.set(LOCK, b"1")
    good = await api.get(PRODUCT)
    for other in (b"", b"garbage", encode(Entry(b"{}", time.time()), "older")):
        await cache.set(KEY, other)
        assert (await api.get(PRODUCT)).content == good.content, other
    await cache.unlink(KEY)
    await cache.rpush(KEY, "a list")
    assert (await api.get(PRODUCT)).content == good.content
    assert await cache.type(KEY) == b"string"


@pytest.mark.parametrize("path", [PRODUCT, LIST, "/api/brands"])
async def test_without_the_database_pages_are_stale_tell_their_age_and_leave_the_stock_out(
    start: Start, api: httpx.AsyncClient, database_url: str, tmp_path: Path, path: str
) -> None:
    """In the service next to `api`: the same cache, but a database that it cannot reach."""
    lost = f"mysql+pymysql://root@127.0.0.1:{free_port()}/shop"
    if database_url.startswith("sqlite"):
        lost = f"sqlite:///{tmp_path}/missing/shop.db"
    async with start(database_url=lost) as without_database:
        missing = await without_database.get(path)
        assert missing.status_code == 503
        assert missing.headers["content-type"] == "application/problem+json"
        assert "retry-after" in missing.headers
        document = (await api.get(path)).json()
        stale = await eventually(lambda: without_database.get(path), is_stale)
    assert stale.status_code == 200
    assert 1 <= int(stale.headers["age"]) < 60
    for item in document.get("items", [document]):
        if "stock" in item:
            item["stock"] = None
    assert stale.json() == document
    assert is_current(await api.get(path))


@on_a_server
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTERM])
async def test_a_lost_database_delays_some_requests_then_none_and_is_asked_again_when_it_is_back(
    api: httpx.AsyncClient,
    mysql_server: MySqlServer,
    engine: Engine,
    cache: Redis,
    number: signal.Signals,
) -> None:
    old = Entry((await api.get(PRODUCT)).content, time.time() - 60)
    await cache.set(KEY, encode(old, SHAPE))
    engine.dispose()
    lose, bring_back = outage(mysql_server, number)
    lose()
    try:
        for _ in range(4):
            answer = await api.get(PRODUCT)
            assert (answer.status_code, answer.json()["stock"]) == (200, None)
        # The breaker is open: nothing waits any more.
        began = time.monotonic()
        for _ in range(20):
            assert int((await api.get(PRODUCT)).headers["age"]) >= 60
        assert (await api.get("/api/products/2")).status_code == 503
        assert time.monotonic() - began < 10
    finally:
        bring_back()
    await eventually(lambda: api.get(PRODUCT), is_current)
    assert (await api.get("/api/products/2")).status_code == 200


def outage(server: Any, number: signal.Signals) -> tuple[Any, Any]:
    """How to lose a server and how to bring it back: frozen, or ended."""
    if number is signal.SIGSTOP:
        return lambda: server.send(number), lambda: server.send(signal.SIGCONT)
    return lambda: server.stop(number), server.start


@on_any_database
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
async def test_a_cache_that_is_unavailable_costs_speed_and_no_error(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    own = RedisServer(tmp_path, durable=False)
    with running_server(own):
        async with start(cache_url=own.url, cache_timeout_seconds=0.05) as api:
            good = await api.get(PRODUCT)
            lose, bring_back = outage(own, number)
            lose()
            for _ in range(10):
                assert (await api.get(PRODUCT)).content == good.content
                assert (await api.get(UNKNOWN)).status_code == 404
            answers = await asyncio.gather(*(api.get(LIST) for _ in range(100)))
            assert {answer.status_code for answer in answers} == {200}
            assert Product.model_validate_json(good.content).stock is not None
            await asyncio.to_thread(bring_back)
            await eventually(lambda: is_answered_from_cache(api), bool)


async def is_answered_from_cache(api: httpx.AsyncClient) -> bool:
    await api.get(PRODUCT)
    with untraced(), asked_for_products() as asked:
        await api.get(PRODUCT)
    return not asked


@on_any_database
async def test_a_full_cache_costs_speed_and_no_error(start: Start, tmp_path: Path) -> None:
    """It refuses every write, the lock included."""
    own = RedisServer(tmp_path, durable=False, options=["--maxmemory", "1"])
    with running_server(own):
        async with start(cache_url=own.url) as api:
            for _ in range(3):
                assert (await api.get(PRODUCT)).status_code == 200
