"""The boundary in place: headers of every answer, claims that do not get in, `/api`."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, format_trace_id

from contracts.headers import GUEST
from servicekit.deadline import TIMEOUT_HEADER
from servicekit.http_server.protocol import HttpProtocol
from services.frontend.app import create_app
from tests.asgi import running, served
from tests.integration.frontend.browsing import Browser, Page
from tests.integration.frontend.conftest import RunningShop, settings_for
from tests.scripted_gateway import ScriptedGateway, problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
# Every route, and every kind of error. (method, path, status)
ANSWERS = [
    *(("GET", path, 200) for path in ("/", "/cart", "/orders", "/favicon.svg", "/robots.txt")),
    *(("GET", path, 200) for path in ("/static/style.css", "/static/shop.js", "/healthz")),
    *(("GET", path, 200) for path in ("/api/products", "/api/brands", "/api/openapi.json")),
    ("GET", "/products/17", 308),
    ("GET", "/?page=x", 422),
    ("GET", "/nowhere", 404),
    ("GET", "/orders/x", 404),
    ("GET", "/api/nowhere", 404),
    ("GET", "/api", 404),
    ("GET", "/api/%2e%2e/healthz", 404),
    ("GET", "/static/x", 404),
    ("DELETE", "/", 405),
    ("POST", "/cart", 415),
    ("POST", "/orders", 415),
    ("GET", "/openapi.json", 404),
    ("GET", "/docs", 404),
]
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FORGED = {
    "traceparent": TRACEPARENT,
    "tracestate": "a=b",
    "baggage": "admin=1",
    "Forwarded": "for=1.2.3.4",
    "X-Forwarded-For": "1.2.3.4",
    "X-Forwarded-Host": "evil.example",
    "X-Real-IP": "1.2.3.4",
    GUEST: str(uuid.uuid4()),
    TIMEOUT_HEADER: "1",
    "X-Arloji-Admin": "1",
}

CUSTOMER = {"name": "Sari", "email": "sari@example.com", "address": "Jl. Merdeka 1"}


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
async def test_every_answer_carries_the_security_headers(
    browser: Browser, method: str, path: str, status: int
) -> None:
    answer = await browser.http.request(method, path)
    assert answer.status_code == status
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers.get_list(name) == [value]
    assert "strict-transport-security" not in answer.headers
    probes = {"/healthz"}
    assert ("traceresponse" in answer.headers) is (path not in probes)


@pytest.mark.parametrize("method", ["OPTIONS", "DELETE", "PUT", "TRACE"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        *((path, "GET, HEAD") for path in ("/", "/products/17", "/orders/x", "/static/shop.js")),
        *((path, "GET, HEAD, POST") for path in ("/cart", "/orders", "/cart?added=5")),
        *((path, "POST") for path in ("/language", "/forget")),
        *((path, "GET, HEAD") for path in ("/favicon.svg", "/robots.txt", "/healthz", "/readyz")),
    ],
)
async def test_a_wrong_method_is_told_all_right_ones(
    browser: Browser, method: str, path: str, allowed: str
) -> None:
    for wrong in {method} | ({"HEAD"} if "HEAD" not in allowed else set()):
        answer = await browser.http.request(wrong, path)
        assert answer.status_code == 405
        assert answer.headers.get_list("allow") == [allowed]


@pytest.mark.parametrize("path", [path for method, path, _ in ANSWERS if method == "GET"])
async def test_head_is_get_without_a_body(running_shop: RunningShop, path: str) -> None:
    async with httpx.AsyncClient(base_url=running_shop.url) as http:
        head, get = await http.head(path), await http.get(path)
    assert head.status_code == get.status_code
    assert head.content == b""
    for name in ("content-type", "content-length"):
        assert head.headers.get(name) == get.headers.get(name)


@pytest.mark.parametrize("path", ["/", "/api/products", "/orders", "/api/orders"])
async def test_claims_about_trace_origin_guest_and_time_do_not_get_in(
    browser: Browser, gateway: ScriptedGateway, path: str
) -> None:
    await browser.http.get(path, headers=FORGED)
    guest = browser.http.cookies["arloji_guest"].split(".")[0]
    assert gateway.calls
    for call in gateway.calls:
        assert call.all(GUEST) in ([], [guest])
        assert int(call.all(TIMEOUT_HEADER)[0]) > 1
        assert TRACEPARENT.split("-")[1] not in call.all("traceparent")[0]
        names = {name for name, _ in call.headers}
        assert names.isdisjoint(
            {"baggage", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "cookie"}
        )
        assert "x-arloji-admin" not in names


STRANGERS = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
]
FORMS = {
    "/cart": {"action": "remove", "product_id": "5"},
    "/language": {"language": "en"},
    "/orders": {"lines": "5x1", "key": "k", "expected_total_idr": "1", **CUSTOMER},
    "/forget": {},
    "/nothing": {},
    "/api/orders": {},
}


@pytest.mark.parametrize("stranger", STRANGERS, ids=str)
async def test_no_page_of_another_site_gives_or_takes_a_cookie(
    browser: Browser, stranger: dict[str, str]
) -> None:
    await browser.put_in_cart(5)
    held = dict(browser.http.cookies)
    assert {"arloji_guest", "arloji_cart", "arloji_checkout"} <= held.keys()
    # As a browser sends them: without the cookies, since they are `SameSite=Lax`; with those of
    # somebody else; or, where a browser knows no such attribute, with its own.
    own = "; ".join(f"{name}={value}" for name, value in held.items())
    for cookies in ("", "arloji_guest=x; arloji_cart=x; arloji_language=x", own):
        headers = {**stranger, "Cookie": cookies}
        for path in ("/?lang=en", "/cart", "/orders", "/products/17", "/forget"):
            answer = await browser.http.get(path, headers=headers)
            assert "set-cookie" not in answer.headers, path
        for method, path, _ in ANSWERS:
            answer = await browser.http.request(method, path, headers=headers)
            assert "set-cookie" not in answer.headers, (method, path)
        for path, fields in FORMS.items():
            answer = await browser.http.post(path, data=fields, headers=headers)
            assert answer.status_code == 403, path
            assert "set-cookie" not in answer.headers, path
    large = {**stranger, "Content-Type": "application/x-www-form-urlencoded"}
    answer = await browser.http.post("/cart", headers=large, content=b"x" * 70_000)
    assert "set-cookie" not in answer.headers
    assert dict(browser.http.cookies) == held


async def test_forgetting_leaves_a_stranger_without_orders_and_cart(
    browser: Browser, gateway: ScriptedGateway
) -> None:
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


async def test_the_cart_and_checkout_of_another_guest_are_nobodys(
    browser: Browser, stranger: Browser
) -> None:
    await browser.put_in_cart(5)
    await stranger.get("/")
    for name in ("arloji_cart", "arloji_checkout"):
        stranger.http.cookies.set(name, browser.http.cookies[name], domain="localhost.local")
    assert "masih kosong" in (await stranger.get("/cart")).text
    await stranger.put_in_cart(5)
    assert stranger.http.cookies["arloji_checkout"] != browser.http.cookies["arloji_checkout"]


async def test_a_host_of_ones_own_choosing_appears_nowhere(browser: Browser) -> None:
    answer = await browser.http.get("/nowhere", headers={"Host": "evil.example"})
    assert "evil" not in answer.text
    redirect = await browser.http.get("/products/17", headers={"Host": "evil.example"})
    assert redirect.headers["location"].startswith("/products/")


async def test_a_tampered_guest_cookie_is_a_new_guest(
    browser: Browser, stranger: Browser, gateway: ScriptedGateway
) -> None:
    await stranger.get("/")
    mine, theirs = (one.http.cookies["arloji_guest"] for one in (browser, stranger))
    forged = f"{theirs.split('.')[0]}.{mine.split('.')[1]}"
    for cookie in (forged, mine[:-3], mine.upper(), "", "x" * 4000):
        gateway.calls.clear()
        answer = await browser.http.get("/api/orders", headers={"Cookie": f"arloji_guest={cookie}"})
        (call,) = gateway.calls
        assert call.all(GUEST) == []
        assert answer.headers["set-cookie"].startswith("arloji_guest=")


async def test_a_program_without_a_cookie_orders_nothing_and_gets_one(
    stranger: Browser, gateway: ScriptedGateway
) -> None:
    order = {"headers": {"Idempotency-Key": "k"}, "json": {"items": []}}
    answer = await stranger.http.post("/api/orders", **order)  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:arloji:problem:guest-required"
    assert "arloji_guest=" in answer.headers["set-cookie"]
    assert gateway.calls == []


async def test_api_requests_pass_as_they_are(browser: Browser, gateway: ScriptedGateway) -> None:
    body = json.dumps({"items": [{"product_id": 1, "quantity": 1}], "customer": CUSTOMER}).encode()
    answer = await browser.http.post(
        "/api/orders?x=%41&y=",
        content=body,
        headers={"Content-Type": "application/json", "Idempotency-Key": "k-1"},
    )
    assert answer.status_code == 202
    (call,) = gateway.calls
    assert call.body == body
    assert call.query == {"x": "A", "y": ""}
    assert call.all("idempotency-key") == ["k-1"]
    assert answer.headers["location"] == answer.json()["status_url"]


@pytest.mark.parametrize("status", [400, 404, 405, 413, 415, 422, 429, 502, 503, 504])
async def test_problems_of_the_gateway_pass_as_they_are(
    browser: Browser, gateway: ScriptedGateway, status: int
) -> None:
    gateway.answers["GET /api/products"] = lambda: problem(status, "x", Retry_After="9")
    answer = await browser.http.get("/api/products")
    assert answer.status_code == status
    assert answer.json()["type"] == "urn:arloji:problem:x"
    assert answer.headers["retry-after"] == "9"


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, b"{}", 403),
        ({"Origin": "https://evil.example"}, b"{}", 403),
        ({}, b"x" * 65537, 413),
    ],
)
async def test_the_boundary_refuses_programs_by_problem(
    browser: Browser,
    gateway: ScriptedGateway,
    headers: dict[str, str],
    content: bytes,
    status: int,
) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k", **headers}
    answer = await browser.http.post("/api/orders", headers=headers, content=content)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert set(document) == {"type", "title", "status", "detail", "instance", "trace_id"}
    assert document["trace_id"] == answer.headers["traceresponse"].split("-")[1]
    assert gateway.calls == []


async def test_a_chunked_body_is_held_to_the_limit_on_every_way_in(browser: Browser) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b"x" * 1000

    for path, media_type in (
        ("/api/orders", "application/json"),
        ("/cart", "application/x-www-form-urlencoded"),
    ):
        answer = await browser.http.post(
            path, content=chunks(), headers={"Content-Type": media_type}
        )
        assert answer.status_code == 413, path


def of_kind(spans: InMemorySpanExporter, kind: SpanKind) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.kind is kind]


@pytest.mark.parametrize(
    ("path", "route", "hops"),
    [
        ("/", "/", 2),
        ("/products/17", "/products/{slug}", 1),
        ("/api/products?q=a", "/api/products", 1),
        ("/api/products/17", "/api/products/{product_id}", 1),
        ("/api/orders/17", "/api/orders/{order_id}", 1),
        # What the API does not have stays one name, whatever a stranger asks for.
        ("/api/wallets/17", "/api", 1),
    ],
)
async def test_each_hop_is_one_client_span_of_the_requests_trace(
    browser: Browser, spans: InMemorySpanExporter, path: str, route: str, hops: int
) -> None:
    answer = await browser.http.get(path)
    (server,) = of_kind(spans, SpanKind.SERVER)
    clients = of_kind(spans, SpanKind.CLIENT)
    assert server.name == f"GET {route}"
    assert len(clients) == hops
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


@pytest_asyncio.fixture(loop_scope="module")
async def secure_shop() -> AsyncIterator[httpx.AsyncClient]:
    gateway = ScriptedGateway()
    async with served(gateway.app()) as url:
        settings = settings_for(url, cookie_secure=True, trace_url_template="")
        async with running(create_app(settings)) as http:
            http.base_url = httpx.URL("https://test")
            yield http


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
async def test_behind_tls_every_answer_keeps_browsers_with_it(
    secure_shop: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await secure_shop.request(method, path)
    assert answer.status_code == status
    hsts = answer.headers.get_list("strict-transport-security")
    assert hsts == ["max-age=31536000; includeSubDomains"]
    for cookie in answer.headers.get_list("set-cookie"):
        assert cookie.startswith("__Host-arloji_")
        assert cookie.endswith("; Secure")


async def test_behind_tls_every_cookie_is_secure_and_this_hosts_own(
    secure_shop: httpx.AsyncClient,
) -> None:
    browser = Browser(secure_shop)
    await browser.get("/?lang=en")
    form = (await browser.put_in_cart(5)).form("/orders")
    await browser.put_in_cart(9)
    assert {cookie.name for cookie in secure_shop.cookies.jar} == {
        f"__Host-arloji_{name}" for name in ("guest", "language", "cart", "checkout")
    }
    assert all(cookie.secure for cookie in secure_shop.cookies.jar)
    answer = await browser.submit(form, **CUSTOMER)
    assert answer.status == 303
    for cookie in answer.headers.get_list("set-cookie"):
        assert cookie.startswith("__Host-arloji_")
        assert cookie.endswith("; Secure")


async def test_without_a_place_for_traces_no_link_is_shown(secure_shop: httpx.AsyncClient) -> None:
    page = await secure_shop.get("/nowhere")
    assert "Nomor jejak" in page.text
    assert "Buka jejaknya" not in page.text


@asynccontextmanager
async def talking(url: str) -> AsyncIterator[Callable[[bytes], Awaitable[httpx.Response]]]:
    """Sends bytes to a server as they are, and reads its one answer."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))

    async def talk(sent: bytes) -> httpx.Response:
        writer.write(sent)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
        return httpx.Response(int(first.split()[1]), headers=headers, content=body)

    try:
        yield talk
    finally:
        writer.close()


# What the server refuses before it is a request of the app, by what comes after the first lines.
REFUSED = {
    431: b"Cookie: " + b"; ".join(b"a%d=%s" % (number, b"x" * 2000) for number in range(9)),
    400: b"Content-Length: x",
}


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("status", REFUSED)
@pytest.mark.parametrize(
    ("path", "accepted", "language"),
    [
        ("/", "text/html,application/xhtml+xml;q=0.9", "en"),
        ("/cart?lang=en", "text/html", "id"),
        ("/", "*/*", None),
        ("/api/products", "text/html", None),
    ],
)
async def test_what_the_server_refuses_is_a_page_for_people_and_a_problem_for_programs(
    path: str, accepted: str, language: str | None, status: int, secure: bool
) -> None:
    head = (
        f"GET {path} HTTP/1.1\r\nHost: shop\r\nAccept: {accepted}\r\n"
        f"Accept-Language: {language or 'en'}\r\n"
    )
    app = create_app(settings_for("http://127.0.0.1:1", cookie_secure=secure))
    async with served(app, http=HttpProtocol) as url, talking(url) as talk:
        answer = await talk(head.encode() + REFUSED[status] + b"\r\n\r\n")
    assert answer.status_code == status
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers.get_list(name) == [value]
    assert ("strict-transport-security" in answer.headers) is secure
    assert "set-cookie" not in answer.headers, "it had not read those that came"
    trace_id = answer.headers["traceresponse"].split("-")[1]
    if language is None:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["trace_id"] == trace_id
        return
    page = Page(answer)
    assert page.language == language
    assert trace_id in page.text
    remedy = {"en": "Delete those whose names", "id": "Hapus kuki yang namanya"}[language]
    assert (remedy in page.text) is (status == 431)
