"""What the shop shows while nobody can say anything about watches and orders, but orders are taken
as usual; and what it says when it is asked for more than it can do."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.responses import Response

from services.frontend.app import create_app
from tests.asgi import running, served
from tests.integration.frontend.browsing import CUSTOMER, Browser
from tests.integration.frontend.conftest import settings_for
from tests.integration.frontend.scripted_gateway import ScriptedGateway, problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLUG = "/products/{}"
HTML = {"Accept": "text/html", "Accept-Language": "en"}


def take_reads_away(gateway: ScriptedGateway, answer: Callable[[], Response]) -> None:
    """Of all that only service-http knows."""

    class Anything(dict[str, Callable[[], Response]]):
        def get(self, key: str, default: Any = None) -> Any:
            return answer if key.startswith("GET ") else default

    gateway.answers = Anything()


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_without_the_catalogue_orders_are_taken_all_the_same(
    browser: Browser, status: int
) -> None:
    product = browser.gateway.products[5]
    pages = ("/", SLUG.format(product.slug))
    for path in pages:
        page = await browser.get(path)
        assert (page.status, "age" in page.headers) == (200, False)
    take_reads_away(browser.gateway, lambda: problem(status, Retry_After="1"))
    for path in pages:
        page = await browser.get(path)
        assert page.status == 200
        assert int(page.headers["age"]) < 30
        assert "diingatnya" in page.text
    await browser.put_in_cart(5)
    cart = await browser.get("/cart")
    answer = await browser.submit(cart.form("/orders"), **CUSTOMER)
    assert answer.status == 303
    (call,) = browser.gateway.calls_to("POST", "/api/orders")
    assert f'"expected_total_idr":{product.price_idr}' in call.body.decode()
    page = await browser.get(answer.headers["location"])
    assert page.status == 200
    assert "Diterima" in page.text
    assert product.name in page.text
    assert "diingatnya" in page.text


async def test_what_was_never_asked_for_is_not_known_and_another_browsers_order_is_not(
    browser: Browser, stranger: Browser
) -> None:
    browser.gateway.change_product(77, slug="new-77")
    await browser.put_in_cart(5)
    order = await browser.submit((await browser.get("/cart")).form("/orders"), **CUSTOMER)
    await stranger.get("/orders")
    take_reads_away(browser.gateway, lambda: problem(503, Retry_After="1"))
    for who, path in (
        (browser, "/products/new-77"),
        (browser, "/?q=never-asked"),
        (browser, "/orders"),
        (stranger, order.headers["location"]),
    ):
        page = await who.get(path)
        assert (page.status, page.headers["retry-after"]) == (503, "1"), path


async def test_a_silent_gateway_is_not_waited_for_where_an_answer_is_known(
    browser: Browser,
) -> None:
    path = SLUG.format(browser.gateway.products[5].slug)
    await browser.get(path)
    browser.gateway.silence = asyncio.Event()
    began = time.monotonic()
    page = await browser.get(path)
    taken = time.monotonic() - began
    browser.gateway.silence.set()
    assert page.status == 200
    assert 1 <= int(page.headers["age"]) <= 3
    assert taken < 2.4


# Turned away --------------------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="module")
async def full_shop() -> AsyncIterator[tuple[ScriptedGateway, httpx.AsyncClient]]:
    """A shop that has one place, for one request at a time."""
    gateway = ScriptedGateway()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(gateway.app()))
        settings = settings_for(url, max_in_flight=1, queue_length=1, queue_seconds=0.05)
        yield gateway, await stack.enter_async_context(running(create_app(settings)))


async def test_who_is_turned_away_is_told_at_once_what_to_do_and_orders_have_a_door_of_their_own(
    full_shop: tuple[ScriptedGateway, httpx.AsyncClient],
) -> None:
    gateway, client = full_shop
    guest = await client.get("/orders")
    assert guest.status_code == 200
    gateway.silence = asyncio.Event()
    waiting = asyncio.create_task(client.get("/", headers=HTML))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    page, document = (
        await client.get("/products/x-5", headers=HTML),
        await client.get("/api/products/5"),
    )
    gateway.silence.set()
    assert (await waiting).status_code == 200
    for answer in (page, document):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src" in answer.headers["content-security-policy"]
        assert "set-cookie" not in answer.headers
    trace_id = page.headers["traceresponse"].split("-")[1]
    assert f"<code>{trace_id}</code>" in page.text
    assert "The shop cannot answer at the moment" in page.text
    problem_document = document.json()
    assert problem_document["type"] == "urn:arloji:problem:service-unavailable"
    assert problem_document["trace_id"] == document.headers["traceresponse"].split("-")[1]
    assert problem_document["instance"] == "/api/products/5"


async def test_of_a_flood_most_are_refused_by_bytes_that_say_the_same() -> None:
    app = create_app(settings_for("http://127.0.0.1:1", max_in_flight=1, queue_length=1))
    gate = app.gate
    assert gate is not None
    for path, accepted in ((b"/products/x-5?a=b", b"text/html"), (b"/api/products/5", b"*/*")):
        async with app.lifespan():
            fields = [(b"accept", accepted), (b"accept-language", b"en")]
            # One is let in, one may wait, and ten a second are refused as whole requests.
            scopes: list[dict[str, Any]] = [{"headers": fields} for _ in range(40)]
            early = [one for scope in scopes if (one := gate(b"GET", path, scope)) is not None]
        told = {one.encode([], is_head=False) for one in early}
        assert len(told) == len(early) > 0, "each has a trace of its own"
        for answer in told:
            head, _, body = answer.decode().partition("\r\n\r\n")
            (trace_id,) = re.findall(
                r"\r\ntraceresponse: 00-([0-9a-f]{32})-[0-9a-f]{16}-00\r\n", head
            )
            assert head.startswith("HTTP/1.1 503 ")
            assert f"\r\ncontent-length: {len(body.encode())}" in head
            assert "\r\nretry-after: 1\r\n" in head
            if accepted == b"text/html":
                assert f"<code>{trace_id}</code>" in body
                assert "The shop cannot answer at the moment" in body
            else:
                document = json.loads(body)
                assert (document["trace_id"], document["instance"]) == (trace_id, path.decode())


async def test_reads_that_hang_keep_no_order_from_its_place(
    full_shop: tuple[ScriptedGateway, httpx.AsyncClient],
) -> None:
    gateway, client = full_shop
    browser = Browser(client, gateway)
    await browser.get("/orders")
    await browser.put_in_cart(5)
    form = (await browser.get("/cart")).form("/orders")
    gateway.silence = asyncio.Event()
    waiting = asyncio.create_task(client.get("/"))
    await asyncio.sleep(0.1)
    sending = asyncio.create_task(browser.submit(form, **CUSTOMER))
    await asyncio.sleep(0.2)
    assert (await client.get("/healthz")).status_code == 200
    assert len(gateway.calls_to("POST", "/api/orders")) == 1
    gateway.silence.set()
    assert (await sending).status == 303
    await waiting
