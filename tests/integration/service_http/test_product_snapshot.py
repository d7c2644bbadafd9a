"""What service-http shows while its database cannot be asked: all that can be known, looked at
before or not."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from pydantic import BaseModel
from redis.asyncio import Redis
from sqlalchemy import Engine, event

import services.service_http.product_snapshot as snapshot_module
from contracts.products import ProductPage
from database.catalogue import create_catalogue
from servicekit.cache.cache import Fallback
from servicekit.cache.store import Entry, encode
from servicekit.database.engine import DatabaseThreads
from servicekit.problems import ServiceUnavailable
from services.service_http.database import Database, DatabaseUnavailable
from services.service_http.product_rows import find_product, list_brands, list_products
from services.service_http.product_snapshot import ProductSnapshot
from services.service_http.products import SHAPE
from services.service_http.search import ProductQuery
from tests.reading import Start, on_a_server, on_any_database
from tests.servers import MySqlServer
from tests.waiting import eventually_async as eventually

CATALOGUE = create_catalogue()

QUERIES = (
    *("", "page=2", "page=99", "page_size=100", "page_size=100&page=3", "page_size=1&page=7"),
    *("sort=name", "sort=price", "sort=-price", "sort=newest", "sort=newest&page_size=100"),
    *("q=sam", "q=samudra", "q=biru sam", "q=BIRU", "q=zzz", "q=!!!", "q=a b c d e f g h"),
    *("brand=Samudra", "brand=samudra", "brand=Nobody", "brand=Samudra&q=biru&sort=-price"),
    *("min_price=5000000", "max_price=1000000", "min_price=2000000&max_price=3000000"),
    *("ids=3,1,2", "ids=900001", "ids=1,900001&sort=price"),
)


def query_of(text: str) -> ProductQuery:
    return ProductQuery.model_validate(dict(httpx.QueryParams(text)))


@pytest.fixture
async def database(engine: Engine) -> AsyncIterator[Database]:
    threads = DatabaseThreads(1)
    yield Database(engine, threads)
    await threads.close()


def shown(fallback: Fallback | None) -> bytes | None:
    assert fallback is not None
    return fallback().body


def as_json(answer: BaseModel | None) -> bytes:
    assert answer is not None
    return answer.model_dump_json().encode()


async def test_it_answers_as_the_database_would_and_goes_on_when_that_is_lost(
    database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, asked = ProductSnapshot(database), list[float]()
    assert snapshot.product(1) is snapshot.brands() is snapshot.page(query_of("")) is None
    event.listen(engine, "before_cursor_execute", lambda *_: asked.append(time.time()))
    await snapshot.read()
    with engine.connect() as connection:
        for text in QUERIES:
            expected = list_products(connection, query_of(text))
            assert shown(snapshot.page(query_of(text))) == as_json(expected), text
        assert shown(snapshot.brands()) == as_json(list_brands(connection))
        assert shown(snapshot.product(1)) == as_json(find_product(connection, 1))
    product = snapshot.product(1)
    assert product is not None
    assert asked[0] - 60 < product().read_at <= asked[0], "what is shown was true then or later"
    assert snapshot.product(900_001) is None, "it may be there since"

    async def lost(_question: object) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr(database, "ask", lost)
    with pytest.raises(ServiceUnavailable):
        await snapshot.read()
    assert snapshot.product(1) is not None


async def test_it_is_read_each_minute_and_soon_again_after_a_failure(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []
    failures: list[Exception | None] = [DatabaseUnavailable(), ZeroDivisionError(), None]
    over = asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            over.set()
            await asyncio.Event().wait()

    async def read(_snapshot: ProductSnapshot) -> None:
        assert not is_instrumentation_enabled(), "it would drown what matters"
        if failure := failures.pop(0):
            raise failure

    clock = SimpleNamespace(sleep=pause, create_task=asyncio.create_task, gather=asyncio.gather)
    monkeypatch.setattr(snapshot_module, "asyncio", clock)
    monkeypatch.setattr(ProductSnapshot, "read", read)
    async with asyncio.timeout(30), ProductSnapshot(database).kept_fresh():
        await over.wait()
    assert pauses[0] == snapshot_module.FIRST_AFTER_SECONDS
    after_failure, *others = pauses[1:]
    assert 4 <= after_failure <= 5
    assert 48 <= min(others) <= max(others) <= 60
    assert "ZeroDivisionError" in caplog.text


@on_any_database
async def test_a_catalogue_that_is_too_large_is_not_kept_in_part(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its lists would have wrong totals."""
    monkeypatch.setattr(snapshot_module, "_MAX_PRODUCTS", len(CATALOGUE) - 1)
    snapshot = ProductSnapshot(database)
    await snapshot.read()
    assert snapshot.product(1) is None
    assert snapshot.page(query_of("")) is None
    assert "not all are kept" in caplog.text


@on_a_server
async def test_of_a_frozen_database_everything_is_shown_stale_looked_at_before_or_not(
    start: Start, mysql_server: MySqlServer, cache: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_module, "FIRST_AFTER_SECONDS", 0)
    read, read_all = asyncio.Event(), ProductSnapshot.read

    async def read_and_tell(snapshot: ProductSnapshot) -> None:
        await read_all(snapshot)
        read.set()

    monkeypatch.setattr(ProductSnapshot, "read", read_and_tell)
    async with start() as api:
        await asyncio.wait_for(read.wait(), 30)
        body = (await api.get("/api/products/1")).content.replace(b'"name":"', b'"name":"old ')
        mysql_server.send(signal.SIGSTOP)
        try:
            await cache.set("c:product:1", encode(Entry(body, time.time() - 3600), SHAPE))
            for item in CATALOGUE:
                answer = await api.get(f"/api/products/{item.product_id}")
                assert answer.status_code == 200, answer.text
                product = answer.json()
                assert (product["name"], product["slug"]) == (item.name, item.slug)
                assert product["stock"] is None
                assert int(answer.headers["age"]) < 600
            for text in QUERIES:
                answer = await api.get(f"/api/products?{text}")
                assert answer.status_code == 200, text
                page = ProductPage.model_validate_json(answer.content)
                assert {product.stock for product in page.items} <= {None}
            assert (await api.get("/api/brands")).status_code == 200
            # What nobody can know is not called missing.
            assert (await api.get("/api/products/900001")).status_code == 503
        finally:
            mysql_server.send(signal.SIGCONT)
        await eventually(
            lambda: api.get("/api/products/2"), lambda answer: "age" not in answer.headers
        )
