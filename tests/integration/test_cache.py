"""The cache in front of the catalogue: how old an answer may be, how often the database is asked,
and what remains when one of the two is away."""

import asyncio
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import Engine, delete, event, insert, select, update

import servicekit.cache.cache
import services.service_http.app as app_module
import services.service_http.snapshot as snapshot_module
from contracts.products import Product
from contracts.telemetry import CACHE_REQUESTS, Metric
from database.tables import products
from servicekit.cache.cache import Cache
from servicekit.cache.store import CacheStore, Entry, decode, encode
from servicekit.problems import DeadlinePassed
from servicekit.redis import create_redis
from servicekit.telemetry.tracing import untraced
from services.service_http.catalogue import POLICY, PREFIX, SHAPE
from tests.reading import (
    on_a_server,
    on_any_database,
    service_http,
    statements_counted,
)
from tests.servers import MySqlServer, RedisServer, free_port
from tests.servers import running as running_server
from tests.waiting import eventually_async as eventually

PRODUCT, LIST = "/api/products/1", "/api/products?ids=1,2,3"
NEW_ID = 900_001


@pytest.fixture(autouse=True)
def _no_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested here is what the cache alone knows."""
    monkeypatch.setattr(snapshot_module, "FIRST_AFTER_SECONDS", 600)


@pytest.fixture
async def api(
    database_url: str, queue_server: RedisServer, cache_server: RedisServer, cache: Redis
) -> AsyncIterator[httpx.AsyncClient]:
    async with service_http(database_url, queue_server.url, cache_server.url) as client:
        yield client


@pytest.fixture
async def without_database(
    database_url: str,
    tmp_path: Path,
    queue_server: RedisServer,
    cache_server: RedisServer,
    cache: Redis,
) -> AsyncIterator[httpx.AsyncClient]:
    """The service next to `api`: the same cache, but a database that it cannot reach."""
    url = (
        f"sqlite:///{tmp_path}/missing/shop.db"
        if database_url.startswith("sqlite")
        else f"mysql+pymysql://root@127.0.0.1:{free_port()}/shop"
    )
    async with service_http(url, queue_server.url, cache_server.url) as client:
        yield client


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


async def write_entry(cache: Redis, key: str, body: bytes | None, *, age_seconds: float) -> None:
    await cache.set(key, encode(Entry(body, time.time() - age_seconds), SHAPE))


def asked_for_products() -> Any:
    return statements_counted("FROM products")


@on_any_database
async def test_a_second_read_asks_the_cache_only(api: httpx.AsyncClient) -> None:
    for path in (PRODUCT, LIST, "/api/brands"):
        first = await api.get(path)
        with asked_for_products() as asked:
            second = await api.get(path)
        assert (second.content, asked) == (first.content, [])
        assert "age" not in second.headers


@on_any_database
async def test_each_look_up_is_counted_by_its_result(
    database_url: str,
    queue_server: RedisServer,
    cache_server: RedisServer,
    cache: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[tuple[object, ...]] = []

    def create_counter(metric: Metric) -> SimpleNamespace:
        return SimpleNamespace(add=lambda *added: counted.append((metric, *added)))

    monkeypatch.setattr(app_module, "create_counter", create_counter)
    async with service_http(database_url, queue_server.url, cache_server.url) as api:
        for path in (PRODUCT, PRODUCT, "/api/products/900009", "/api/products/900009"):
            await api.get(path)
    results = ("miss", "hit", "miss", "negative")
    assert counted == [(CACHE_REQUESTS, 1, {"result": result}) for result in results]


@on_any_database
async def test_queries_that_mean_the_same_share_an_entry(api: httpx.AsyncClient) -> None:
    await api.get("/api/products?q=Samudra+BIRU&sort=name&page=1&min_price=0&ids=3,2,2,1")
    with asked_for_products() as asked:
        await api.get("/api/products?ids=1,2,3&q=biru+sam+samudra&x=1")
    assert asked == []


async def test_a_shown_stock_is_at_most_two_seconds_old(
    api: httpx.AsyncClient, engine: Engine
) -> None:
    """In the product and in a list alike, without anything that tells the cache."""
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


async def test_an_unlinked_product_is_read_again_at_once(
    api: httpx.AsyncClient, engine: Engine, cache: Redis
) -> None:
    await api.get(PRODUCT)
    set_stock(engine, 1, 76)
    await cache.unlink("c:product:1")
    assert await shown_stock(api, PRODUCT) == 76


async def test_a_read_that_raced_with_a_sale_is_as_old_as_its_beginning(
    api: httpx.AsyncClient, engine: Engine, cache: Redis
) -> None:
    """The old row reaches the cache after the sale has unlinked it, and expires all the same."""
    with rows_held_back() as (read, release):
        answer = asyncio.create_task(api.get(PRODUCT))
        await asyncio.to_thread(read.wait, 30)
        set_stock(engine, 1, 75)
        sold_at = time.time()
        await cache.unlink("c:product:1")
        release.set()
        assert (await answer).json()["stock"] != 75
    value = await cache.get("c:product:1")
    assert isinstance(value, bytes)
    entry = decode(value, SHAPE)
    assert entry is not None
    assert entry.read_at < sold_at
    await eventually(lambda: shown_stock(api, PRODUCT), lambda stock: stock == 75)
    assert 20 * 3600 < await cache.ttl("c:product:1") <= 24 * 3600


@contextmanager
def rows_held_back() -> Iterator[tuple[threading.Event, threading.Event]]:
    """The first product that is read waits, once it is read, for the second event."""
    read, release = threading.Event(), threading.Event()

    def hold(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "FROM products" in statement and not read.is_set():
            read.set()
            release.wait(30)

    event.listen(Engine, "after_cursor_execute", hold)
    try:
        yield read, release
    finally:
        release.set()
        event.remove(Engine, "after_cursor_execute", hold)


@on_any_database
@pytest.mark.parametrize("path", [PRODUCT, "/api/products/900009"])
async def test_many_misses_of_one_key_ask_the_database_once(
    api: httpx.AsyncClient, path: str
) -> None:
    with asked_for_products() as asked:
        answers = await asyncio.gather(*(api.get(path) for _ in range(100)))
    assert len({(answer.status_code, "stock" in answer.text) for answer in answers}) == 1
    assert len(asked) == 1


@on_any_database
async def test_a_caller_that_leaves_does_not_take_the_answer_from_the_others(
    api: httpx.AsyncClient,
) -> None:
    with rows_held_back() as (read, release):
        leaver = asyncio.create_task(api.get(PRODUCT, headers={"X-Arloji-Timeout-Ms": "300"}))
        await asyncio.to_thread(read.wait, 30)
        stayers = [asyncio.create_task(api.get(PRODUCT)) for _ in range(3)]
        assert (await leaver).status_code == 504
        release.set()
        assert {(await stayer).status_code for stayer in stayers} == {200}


async def test_the_deadline_of_the_first_caller_is_not_that_of_the_others(
    cache_server: RedisServer, cache: Redis
) -> None:
    questions: list[int] = []
    go_on = asyncio.Event()

    async def load() -> bytes:
        questions.append(1)
        await go_on.wait()
        if len(questions) == 1:
            raise DeadlinePassed("of the first caller")
        return b"{}"

    client = create_redis(cache_server.url, timeout_seconds=5)
    store = CacheStore(client, shape=SHAPE, prefix=PREFIX)
    results: list[str] = []
    shared = Cache(store, POLICY, count=results.append)
    first, second = (asyncio.create_task(shared.fetch("any", load)) for _ in range(2))
    await eventually(lambda: asyncio.sleep(0, questions), bool)
    go_on.set()
    with pytest.raises(DeadlinePassed):
        await first
    assert (await second).entry.body == b"{}"
    assert results == ["failed", "miss"]
    await client.aclose()


@on_any_database
async def test_a_process_waits_for_another_one_that_asks_the_database(
    api: httpx.AsyncClient, cache: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servicekit.cache.cache, "_LOOK_AGAIN_SECONDS", (0.01,) * 1000)
    body = (await api.get(PRODUCT)).content.replace(b'"stock":', b'"stock":9')
    await cache.unlink("c:product:1")
    await cache.set("c:lock:product:1", b"1", px=60_000)
    with asked_for_products() as asked:
        waiting = asyncio.create_task(api.get(PRODUCT))
        await asyncio.wait([waiting], timeout=0.2)
        assert not waiting.done()
        await write_entry(cache, "c:product:1", body, age_seconds=0)
        assert (await waiting).content == body
    assert asked == []


@on_any_database
async def test_a_lock_that_nobody_gives_back_delays_a_moment_only(
    api: httpx.AsyncClient, cache: Redis
) -> None:
    await cache.set("c:lock:product:1", b"1")
    assert (await api.get(PRODUCT)).status_code == 200
    assert await cache.exists("c:lock:product:1") == 0


async def test_unknown_products_are_remembered_for_some_seconds(
    api: httpx.AsyncClient, engine: Engine, cache: Redis
) -> None:
    path, key = f"/api/products/{NEW_ID}", f"c:product:{NEW_ID}"
    with asked_for_products() as asked:
        statuses = [(await api.get(path)).status_code for _ in range(3)]
    assert (statuses, len(asked)) == ([404] * 3, 1)
    assert 5_000 < await cache.pttl(key) <= 10_000
    with engine.begin() as connection:
        row = connection.execute(select(products).where(products.c.product_id == 1)).one()
        new = {**row._mapping, "product_id": NEW_ID, "slug": f"baru-{NEW_ID}"}
        connection.execute(insert(products), new)
    try:
        # As ten seconds later.
        await write_entry(cache, key, None, age_seconds=10)
        assert (await api.get(path)).json()["slug"] == f"baru-{NEW_ID}"
    finally:
        with engine.begin() as connection:
            connection.execute(delete(products).where(products.c.product_id == NEW_ID))


@on_any_database
async def test_what_the_service_has_not_written_is_a_miss(
    api: httpx.AsyncClient, cache: Redis
) -> None:
    good = await api.get(PRODUCT)
    value = await cache.get("c:product:1")
    assert isinstance(value, bytes)
    ahead = encode(Entry(b'{"stock":1}', time.time() + 3600), SHAPE)
    foreign = [
        *(b"", b"\n", b"garbage", b"\xff\x00", value[:-5], value + b" ", value.replace(b"1", b"7")),
        *(b"{}\n{}", encode(Entry(b"{}", time.time()), "older"), ahead),
    ]
    for other in foreign:
        await cache.set("c:product:1", other)
        assert (await api.get(PRODUCT)).content == good.content, other
    await cache.unlink("c:product:1")
    await cache.rpush("c:product:1", "a list")
    assert (await api.get(PRODUCT)).content == good.content
    assert await cache.type("c:product:1") == b"string"


async def test_without_the_database_pages_are_stale_tell_their_age_and_leave_the_stock_out(
    api: httpx.AsyncClient, without_database: httpx.AsyncClient
) -> None:
    for path in (PRODUCT, LIST, "/api/brands"):
        document = (await api.get(path)).json()
        stale = await eventually(lambda path=path: without_database.get(path), is_stale)
        assert stale.status_code == 200
        assert 1 <= int(stale.headers["age"]) < 60
        for item in document.get("items", [document]):
            if "stock" in item:
                item["stock"] = None
        assert stale.json() == document
        assert is_current(await api.get(path))


@on_any_database
async def test_without_the_database_and_without_an_entry_it_is_503(
    without_database: httpx.AsyncClient,
) -> None:
    for path in (PRODUCT, LIST, "/api/brands", PRODUCT, PRODUCT, PRODUCT, PRODUCT):
        answer = await without_database.get(path)
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert "retry-after" in answer.headers


@on_any_database
async def test_stale_entries_are_never_shown_while_the_database_answers(
    api: httpx.AsyncClient, cache: Redis
) -> None:
    body = (await api.get(PRODUCT)).content.replace(b'"stock":', b'"stock":9')
    await write_entry(cache, "c:product:1", body, age_seconds=3600)
    answer = await api.get(PRODUCT)
    assert answer.content != body
    assert "age" not in answer.headers


@on_a_server
async def test_a_database_that_hangs_delays_some_requests_and_then_none(
    mysql_server: MySqlServer,
    engine: Engine,
    queue_server: RedisServer,
    cache_server: RedisServer,
    cache: Redis,
) -> None:
    async with service_http(mysql_server.url("shop"), queue_server.url, cache_server.url) as api:
        await api.get(PRODUCT)
        value = await cache.get("c:product:1")
        assert isinstance(value, bytes)
        entry = decode(value, SHAPE)
        assert entry is not None
        await write_entry(cache, "c:product:1", entry.body, age_seconds=60)
        mysql_server.send(signal.SIGSTOP)
        try:
            for _ in range(4):
                answer = await api.get(PRODUCT)
                assert (answer.status_code, answer.json()["stock"]) == (200, None)
            # The breaker is open: nothing waits any more.
            began = time.monotonic()
            for _ in range(20):
                assert (await api.get(PRODUCT)).headers["age"] >= "60"
            assert time.monotonic() - began < 10
        finally:
            mysql_server.send(signal.SIGCONT)
        await eventually(lambda: api.get(PRODUCT), is_current)


@on_a_server
async def test_a_database_that_was_down_is_asked_again_as_soon_as_it_is_back(
    mysql_server: MySqlServer,
    engine: Engine,
    queue_server: RedisServer,
    cache_server: RedisServer,
    cache: Redis,
) -> None:
    async with service_http(mysql_server.url("shop"), queue_server.url, cache_server.url) as api:
        await api.get(PRODUCT)
        engine.dispose()
        mysql_server.stop()
        try:
            await eventually(lambda: api.get(PRODUCT), is_stale)
            assert (await api.get("/api/products/2")).status_code == 503
        finally:
            mysql_server.start()
        await eventually(lambda: api.get(PRODUCT), is_current)
        assert (await api.get("/api/products/2")).status_code == 200


@on_any_database
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_cache_that_is_away_costs_speed_and_no_error(
    database_url: str, queue_server: RedisServer, tmp_path: Path, number: signal.Signals
) -> None:
    own = RedisServer(tmp_path, durable=False)
    with running_server(own):
        async with service_http(
            database_url, queue_server.url, own.url, cache_timeout_seconds=0.05
        ) as api:
            good = await api.get(PRODUCT)
            if number is signal.SIGKILL:
                own.stop(number)
            else:
                own.send(number)
            for _ in range(10):
                assert (await api.get(PRODUCT)).content == good.content
                assert (await api.get("/api/products/900009")).status_code == 404
            statuses = await asyncio.gather(*(api.get(LIST) for _ in range(100)))
            assert {answer.status_code for answer in statuses} == {200}
            assert Product.model_validate_json(good.content).stock is not None
            await bring_back(own, number)
            await eventually(lambda: is_answered_from_cache(api), bool)


async def bring_back(server: RedisServer, number: signal.Signals) -> None:
    if number is signal.SIGKILL:
        await asyncio.to_thread(server.start)
    else:
        server.send(signal.SIGCONT)


async def is_answered_from_cache(api: httpx.AsyncClient) -> bool:
    await api.get(PRODUCT)
    with untraced(), asked_for_products() as asked:
        await api.get(PRODUCT)
    return not asked


@on_any_database
async def test_a_full_cache_costs_speed_and_no_error(
    database_url: str, queue_server: RedisServer, tmp_path: Path
) -> None:
    """It refuses every write, the lock included."""
    own = RedisServer(tmp_path, durable=False, options=["--maxmemory", "1"])
    with running_server(own):
        async with service_http(database_url, queue_server.url, own.url) as api:
            for _ in range(3):
                assert (await api.get(PRODUCT)).status_code == 200
