"""The boundary in place: headers of every answer, claims that do not get in, `/api`."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, format_trace_id

from contracts.headers import GUEST
from servicekit.deadline import TIMEOUT_HEADER
from servicekit.http_server.protocol import HttpProtocol
from services.frontend.app import create_app
from tests.asgi import running, served
from tests.integration.frontend.browsing import CUSTOMER, Browser, Page
from tests.integration.frontend.conftest import RunningShop, settings_for
from tests.integration.frontend.scripted_gateway import ScriptedGateway, problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECURITY_HEADERS = {
    "content-security-policy": [
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ],
    "x-content-type-options": ["nosniff"],
    "referrer-policy": ["strict-origin-when-cross-origin"],
    "permissions-policy": ["camera=(), geolocation=(), microphone=(), payment=(), usb=()"],
    "cross-origin-opener-policy": ["same-origin"],
    "cross-origin-resource-policy": ["same-origin"],
}
HSTS = {"strict-transport-security": ["max-age=31536000; includeSubDomains"]}
# Every route, and every kind of error. (method, path, status)
ANSWERS = [
    *(("GET", path, 200) for path in ("/", "/cart", "/orders", "/favicon.svg", "/robots.txt")),
    *(("GET", path, 200) for path in ("/static/style.css", "/static/shop.js", "/healthz")),
    *(("GET", path, 200) for path in ("/api/products", "/api/brands", "/api/openapi.json")),
    *(("GET", "/products/17", 308), ("GET", "/?page=x", 422), ("DELETE", "/", 405)),
    *(("GET", path, 404) for path in ("/nowhere", "/orders/x", "/api/nowhere", "/api")),
    *(("GET", path, 404) for path in ("/api/%2e%2e/healthz", "/static/x", "/openapi.json")),
    *(("GET", "/docs", 404), ("POST", "/cart", 415), ("POST", "/orders", 415)),
]
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FORGED = {
    **{"traceparent": TRACEPARENT, "tracestate": "a=b", "baggage": "admin=1"},
    **{"forwarded": "for=1.2.3.4", "x-forwarded-for": "1.2.3.4", "x-real-ip": "1.2.3.4"},
    **{"x-forwarded-host": "evil.example", "x-arloji-admin": "1"},
    **{GUEST: str(uuid.uuid4()), TIMEOUT_HEADER: "1"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secure_browser() -> AsyncIterator[Browser]:
    gateway = ScriptedGateway()
    async with served(gateway.app()) as url:
        settings = settings_for(url, cookie_secure=True, trace_url_template="")
        async with running(create_app(settings)) as http:
            http.base_url = httpx.URL("https://test")
            yield Browser(http, gateway)


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
async def test_every_answer_is_traced_and_tells_browsers_to_be_careful(
    browser: Browser,
    secure_browser: Browser,
    running_shop: RunningShop,
    method: str,
    path: str,
    status: int,
) -> None:
    for http, expected in (
        (browser.http, SECURITY_HEADERS),
        (secure_browser.http, SECURITY_HEADERS | HSTS),
    ):
        answer = await http.request(method, path)
        assert answer.status_code == status
        found = {name: answer.headers.get_list(name) for name in SECURITY_HEADERS | HSTS}
        assert found == {name: expected.get(name, []) for name in found}
        assert ("traceresponse" in answer.headers) is (path != "/healthz")
    names = [cookie.name for cookie in secure_browser.http.cookies.jar]
    assert all(name.startswith("__Host-arloji_") for name in names)
    assert "/traces/" not in answer.text, "its settings name no place for them"
    if method != "GET":
        return
    async with httpx.AsyncClient(base_url=running_shop.url) as http:
        head, get = await http.head(path), await http.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    for name in ("content-type", "content-length"):
        assert head.headers.get(name) == get.headers.get(name)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        *((path, "GET, HEAD") for path in ("/", "/products/17", "/orders/x", "/healthz")),
        *(("/cart?added=5", "GET, HEAD, POST"), ("/orders", "GET, HEAD, POST")),
        *(("/language", "POST"), ("/forget", "POST")),
    ],
)
async def test_a_wrong_method_is_told_all_right_ones(
    browser: Browser, path: str, allowed: str
) -> None:
    for method in {"OPTIONS", "DELETE", "PUT", "TRACE", "HEAD"} - set(allowed.split(", ")):
        answer = await browser.http.request(method, path)
        assert (answer.status_code, answer.headers.get_list("allow")) == (405, [allowed])
        if method != "HEAD" and path != "/healthz":
            assert answer.headers["content-type"].startswith("text/html")


async def know_the_brands(browser: Browser) -> None:
    """For a minute the catalogue does not ask for them."""
    await browser.http.get("/")
    browser.gateway.calls.clear()


@pytest.mark.parametrize("path", ["/", "/api/products", "/orders", "/api/orders"])
async def test_claims_about_trace_origin_guest_and_time_do_not_get_in(
    browser: Browser, path: str
) -> None:
    mine = browser.http.cookies["arloji_guest"]
    await know_the_brands(browser)
    await browser.http.get(path, headers=FORGED)
    for_guests = path.endswith("orders") or path.startswith("/api")
    assert [call.all(GUEST) for call in browser.gateway.calls] == (
        [[mine.split(".")[0]]] if for_guests else [[]]
    )
    for forged in ("", mine[:-3], mine.upper(), "x" * 4000):
        await browser.http.get(path, headers={**FORGED, "Cookie": f"arloji_guest={forged}"})
    for call in browser.gateway.calls:
        assert int(call.all(TIMEOUT_HEADER)[0]) > 1
        assert TRACEPARENT.split("-")[1] not in call.all("traceparent")[0]
        names = {name for name, _ in call.headers}
        assert not names & ({"cookie"} | FORGED.keys() - {"traceparent", "tracestate"})
    assert [call for call in browser.gateway.calls if call.all(GUEST)] == browser.gateway.calls[
        :for_guests
    ]
    answer = await browser.http.get("/products/17", headers={"Host": "evil.example"})
    assert answer.headers["location"].startswith("/products/")
    assert "evil" not in (await browser.http.get("/no", headers={"Host": "evil.example"})).text


async def test_forgetting_leaves_a_stranger_without_orders_and_cart(browser: Browser) -> None:
    form = (await browser.put_in_cart(5)).form("/orders")
    address = (await browser.submit(form, **CUSTOMER)).headers["location"]
    await browser.put_in_cart(9)
    guest = browser.http.cookies["arloji_guest"]
    page = await browser.get("/orders")
    assert address in page.links
    page = await browser.submit(page.form("/forget"))
    assert browser.http.cookies == {}
    await browser.follow(page)
    assert browser.http.cookies["arloji_guest"].split(".")[0] != guest.split(".")[0]
    assert (await browser.get(address)).status == 404
    assert "masih kosong" in (await browser.get("/cart")).text
    assert address not in (await browser.get("/orders")).links


async def test_api_requests_pass_as_they_are(browser: Browser) -> None:
    body = json.dumps({"items": [{"product_id": 1, "quantity": 1}], "customer": CUSTOMER}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k-1"}
    answer = await browser.http.post("/api/orders?x=%41&y=", content=body, headers=headers)
    assert answer.status_code == 202
    (call,) = browser.gateway.calls
    assert (call.body, call.query) == (body, {"x": "A", "y": ""})
    assert call.all("idempotency-key") == ["k-1"]
    assert answer.headers["location"] == answer.json()["status_url"]
    for status in (400, 422, 429, 503, 504):
        browser.gateway.answers["GET /api/products"] = lambda s=status: problem(
            s, "x", Retry_After="9"
        )
        answer = await browser.http.get("/api/products")
        assert (answer.status_code, answer.headers["retry-after"]) == (status, "9")
        assert answer.json()["type"] == "urn:arloji:problem:x"


async def test_what_the_boundary_refuses_programs_is_a_problem(
    browser: Browser, stranger: Browser
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b"x" * 1000

    for who, headers, content, status, slug in (
        (browser, {"Origin": "https://evil.example"}, b"{}", 403, "cross-origin-request"),
        (browser, {}, b"x" * 65537, 413, "body-too-large"),
        (browser, {}, chunks(), 413, "body-too-large"),
        (stranger, {}, b"{}", 401, "guest-required"),
    ):
        headers = {"Content-Type": "application/json", "Idempotency-Key": "k", **headers}
        answer = await who.http.post("/api/orders", headers=headers, content=content)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        document = answer.json()
        assert document.keys() == {"type", "title", "status", "detail", "instance", "trace_id"}
        assert document["type"] == f"urn:arloji:problem:{slug}"
        assert document["trace_id"] == answer.headers["traceresponse"].split("-")[1]
    assert "arloji_guest=" in answer.headers["set-cookie"], "for the next try"
    assert browser.gateway.calls == []


@pytest.mark.parametrize(
    ("path", "route", "hops"),
    [
        *(("/", "/", 1), ("/products/17", "/products/{slug}", 1)),
        *(
            ("/api/products?q=a", "/api/products", 1),
            ("/api/orders/17", "/api/orders/{order_id}", 1),
        ),
        ("/api/products/17", "/api/products/{product_id}", 1),
        # What the API does not have stays one name, whatever a stranger asks for.
        ("/api/wallets/17", "/api", 1),
    ],
)
async def test_each_hop_is_one_client_span_of_the_requests_trace(
    browser: Browser, spans: InMemorySpanExporter, path: str, route: str, hops: int
) -> None:
    await know_the_brands(browser)
    spans.clear()
    answer = await browser.http.get(path)
    ended = spans.get_finished_spans()
    (server,) = [span for span in ended if span.kind is SpanKind.SERVER]
    clients = [span for span in ended if span.kind is SpanKind.CLIENT]
    assert (server.name, len(clients)) == (f"GET {route}", hops)
    for span in (server, *clients):
        assert span.context
        assert format_trace_id(span.context.trace_id) == answer.headers["traceresponse"][3:35]
        assert (span is server) is (span.parent is None)


async def test_spans_hold_no_personal_data(browser: Browser, spans: InMemorySpanExporter) -> None:
    form = (await browser.put_in_cart(5)).form("/orders")
    await browser.submit(form, **CUSTOMER)
    recorded = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "POST /orders" in recorded
    assert [value for value in CUSTOMER.values() if value in recorded] == []


# What the server refuses before it is a request of the app, by what comes after the first lines.
REFUSED = {
    431: b"Cookie: " + b"; ".join(b"a%d=%s" % (number, b"x" * 2000) for number in range(9)),
    400: b"Content-Length: x",
}


async def talk(url: str, sent: bytes) -> httpx.Response:
    """The one answer of a server to bytes as they are."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    first, *lines = head.decode().split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    return httpx.Response(int(first.split()[1]), headers=headers, content=body)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("status", REFUSED)
async def test_what_the_server_refuses_is_a_page_for_people_and_a_problem_for_programs(
    status: int, secure: bool
) -> None:
    app = create_app(settings_for("http://127.0.0.1:1", cookie_secure=secure))
    async with served(app, http=HttpProtocol) as url:
        for path, accepted, language in (
            ("/", "text/html,application/xhtml+xml;q=0.9", "en"),
            ("/cart?lang=en", "text/html", "id"),
            *(("/", "*/*", None), ("/api/products", "text/html", None)),
        ):
            head = (
                f"GET {path} HTTP/1.1\r\nHost: shop\r\nAccept: {accepted}\r\n"
                f"Accept-Language: {language or 'en'}\r\n"
            )
            answer = await talk(url, head.encode() + REFUSED[status] + b"\r\n\r\n")
            assert answer.status_code == status
            for name, value in (SECURITY_HEADERS | (HSTS if secure else {})).items():
                assert answer.headers.get_list(name) == value
            assert "set-cookie" not in answer.headers, "it had not read those that came"
            trace_id = answer.headers["traceresponse"].split("-")[1]
            if language is None:
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["trace_id"] == trace_id
                continue
            page = Page(answer)
            assert page.language == language
            assert trace_id in page.text
            remedy = {"en": "Delete those whose names", "id": "Hapus kuki yang namanya"}[language]
            assert (remedy in page.text) is (status == 431)
