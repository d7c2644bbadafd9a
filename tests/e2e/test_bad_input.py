"""Whatever comes in through the front door gets the answer that the contract has for it: every
row of its table of errors, and hostile text in every public route. Nothing gives a 500."""

import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.e2e.conftest import Guest, eventually, rows
from tests.hostile_paths import HOSTILE_PATHS
from tests.hostile_requests import (
    BAD_ORDERS,
    BAD_QUERIES,
    BODY,
    CUSTOMER,
    LIMIT,
    ORDER,
    TEXT_IDS,
    TEXTS,
    BadOrder,
    typical,
)
from tests.malformed_requests import (
    CLOSE,
    HOST,
    LARGE_HEADS,
    MALFORMED,
    get,
    send,
    statuses_of,
)
from tests.stack import RunningStack

pytestmark = pytest.mark.e2e

# Is no guest, and has no order.
NOBODY = "5f2c8a3e-9d0b-4e6c-8a11-7c1f0c7a9b42"
each_text = pytest.mark.parametrize("text", TEXTS, ids=TEXT_IDS)


def assert_problem(answer: httpx.Response, status: int, kind: str = "") -> dict[str, Any]:
    """An RFC 9457 document that names its trace, as the answer's header does."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem.keys() >= {"type", "title", "status", "detail", "instance", "trace_id"}
    assert problem["status"] == status
    assert problem["type"].endswith(kind)
    assert problem["instance"] == answer.request.url.path
    assert problem["trace_id"] == answer.headers["traceresponse"].split("-")[1]
    return problem


def post(guest: Guest, case: BadOrder) -> httpx.Response:
    usual = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    return guest.http.post("/api/orders", content=case.body, headers=case.headers(usual))


@pytest.mark.parametrize("case", typical(BAD_ORDERS).values(), ids=list(typical(BAD_ORDERS)))
def test_what_is_no_order_is_refused(guest: Guest, case: BadOrder) -> None:
    """All of them: tests/unit, at the publisher."""
    answer = post(guest, case)
    problem = assert_problem(answer, case.status, case.problem)
    assert case.status != 422 or problem["errors"]
    # What was sent may be personal and is not repeated.
    assert CUSTOMER["email"] not in answer.text
    assert guest.http.get("/api/orders").json() == {"items": []}


def test_bytes_that_are_no_http_are_refused(stack: RunningStack) -> None:
    """All of them: tests/integration, at a server as the frontend has."""
    names = ("no colon", "NUL in the path", "two lengths", "negative chunk", "http/2.0", "TLS")
    requests = {**{name: MALFORMED[name] for name in names}, **LARGE_HEADS}
    answers = {name: send(stack.shop_url, request) for name, request in requests.items()}
    found = {name: statuses_of(answer) for name, answer in answers.items()}
    assert found == dict.fromkeys(names, (400,)) | dict.fromkeys(LARGE_HEADS, (431,))
    for name, answer in answers.items():
        assert b"application/problem+json" in answer, name


def test_an_order_without_a_guest_is_401_and_makes_one(stack: RunningStack) -> None:
    with httpx.Client(base_url=stack.shop_url) as stranger:
        headers = {"Idempotency-Key": "as-a-stranger"}
        answer = stranger.post("/api/orders", json=ORDER, headers=headers)
        assert_problem(answer, 401, "guest-required")
        assert any(name.startswith("arloji_guest") for name in answer.cookies)
        assert stranger.get("/api/orders").json() == {"items": []}


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "." * 200, NOBODY, f"{NOBODY}.AAAA", "a" * 8000, "%00", "\xff"],
    ids=ascii,
)
def test_a_forged_guest_cookie_is_no_guest(stack: RunningStack, guest: Guest, cookie: str) -> None:
    own = f"{guest.guest_cookie[0]}={cookie}".encode("latin-1")
    headers = [(b"Cookie", own), (b"Idempotency-Key", b"forged")]
    answer = httpx.post(f"{stack.shop_url}/api/orders", json=ORDER, headers=headers)
    assert_problem(answer, 401)
    assert "set-cookie" in answer.headers


def test_a_path_that_is_no_route_leads_nowhere(stack: RunningStack) -> None:
    """`/api` with a slash after it, dots and encodings included: none reaches another route."""
    answers = {
        path: send(stack.shop_url, get(HOST, CLOSE, path=path.encode("latin-1")))
        for path in HOSTILE_PATHS
    }
    reached = {
        path: answer[:200]
        for path, answer in answers.items()
        if statuses_of(answer) not in ((400,), (404,)) or b'"items"' in answer
    }
    assert reached == {}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/products/999999999", 404),
        ("GET", "/api/nothing", 404),
        ("GET", f"/api/orders/{NOBODY}", 404),
        ("POST", "/api/products", 405),
        ("DELETE", "/api/products/1", 405),
        ("PUT", "/api/orders", 405),
        ("PATCH", f"/api/orders/{NOBODY}", 405),
        ("TRACE", "/api/products", 405),
        ("POST", "/api/openapi.json", 405),
        *(("GET", f"/api/products?{query}", 422) for query in list(BAD_QUERIES)[:1]),
    ],
)
def test_what_the_api_does_not_have_is_a_problem(
    guest: Guest, method: str, path: str, status: int
) -> None:
    answer = guest.http.request(method, path)
    problem = assert_problem(answer, status)
    assert status != 405 or "GET" in answer.headers["allow"]
    assert status != 422 or problem["errors"][0]["field"].endswith("page")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json", "/metrics"])
def test_the_probes_alone_are_at_the_front_door(stack: RunningStack, path: str) -> None:
    """They are on every service's own port; everything else of the machinery is not there."""
    status = httpx.get(f"{stack.shop_url}{path}").status_code
    assert status == (200 if path in ("/healthz", "/readyz") else 404)


def test_a_body_may_have_64_kib_and_not_a_byte_more(guest: Guest) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(80):
            yield b" " * 1024

    assert post(guest, BadOrder(202, "", BODY + b" " * (LIMIT - len(BODY)))).status_code == 202
    for path in ("/api/orders", "/orders", "/cart", "/api/nothing"):
        assert guest.http.post(path, content=b"x" * (LIMIT + 1)).status_code == 413
    headers = {"Content-Type": "application/json", "Idempotency-Key": "chunks"}
    assert_problem(guest.http.post("/api/orders", content=chunks(), headers=headers), 413)


# 429, 502, 503, 504


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A shop whose gateway counts each guest's orders, and whose services a test may stop."""
    options = ["--set", "api-gw.GUEST_ORDER_RATE=1"]
    with RunningStack(tmp_path_factory.mktemp("troubled"), options) as running:
        yield running


def test_too_many_orders_of_one_guest_are_429(troubled: RunningStack) -> None:
    with closing(Guest(troubled.shop_url)) as guest:
        answers = [guest.post_order({1: 1}) for _ in range(12)]
    assert {answer.status_code for answer in answers} == {202, 429}
    last = next(answer for answer in answers if answer.status_code == 429)
    assert_problem(last, 429)
    assert int(last.headers["retry-after"]) >= 1


def test_a_service_that_hangs_is_504_within_the_frontends_time(troubled: RunningStack) -> None:
    with closing(Guest(troubled.shop_url)) as guest:
        troubled.pause("publisher")
        began = time.monotonic()
        answer = guest.post_order({1: 1})
        took = time.monotonic() - began
        troubled.resume("publisher")
    problem = assert_problem(answer, 504)
    assert "same" in problem["detail"]
    assert took < 10


def test_a_service_that_is_gone_is_said_so_and_the_key_stays_good(troubled: RunningStack) -> None:
    with closing(Guest(troubled.shop_url)) as guest:
        troubled.kill("publisher")
        answer = guest.post_order({1: 1}, "good-again")
        # Refused while nobody listens, 502; given up while one is unavailable for longer, 503.
        problem = assert_problem(answer, 503 if answer.status_code == 503 else 502)
        assert "retry-after" in answer.headers or answer.status_code == 502
        assert "same" in problem["detail"]
        again = eventually(
            lambda: guest.post_order({1: 1}, "good-again"), lambda a: a.status_code == 202
        )
        assert guest.wait_for_end(again.json()["order_id"])["status"] == "confirmed"


# Hostile text everywhere


def assert_harmless(answer: httpx.Response) -> None:
    """No page runs it; a problem document may name it, as no browser takes it for a page."""
    if "<script>alert(1)</script>" in answer.text or "<img src=x" in answer.text:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "forged" not in answer.headers.get("set-cookie", "")


@each_text
def test_hostile_text_in_a_query_is_found_or_refused(guest: Guest, text: str) -> None:
    """The page asks the API, which has a test of its own."""
    for name in ("q", "brand", "min_price", "max_price", "sort", "page", "page_size", "ids"):
        answer = guest.http.get("/", params={name: text})
        assert answer.status_code in (200, 422), (name, answer.text)
        assert_harmless(answer)


@each_text
def test_hostile_text_in_a_path_is_not_found(guest: Guest, text: str) -> None:
    for prefix in ("/products/", "/orders/", "/api/products/", "/api/orders/", "/static/", "/"):
        answer = guest.http.get(f"{prefix}{quote(text, safe='')}")
        # 400 is nginx's word for a NUL, and for dots that lead out of the root.
        assert answer.status_code in (200, 308, 400, 404), (prefix, answer.text)
        assert_harmless(answer)
        if answer.status_code == 200:
            assert text == "../../../../etc/passwd" or prefix == "/"
            assert "root:" not in answer.text


@each_text
def test_hostile_text_in_a_form_is_refused(guest: Guest, text: str) -> None:
    forms = {
        "/cart": ("action", "product_id", "quantity"),
        "/orders": ("lines", "key", "token", "expected_total_idr", "name", "email", "address"),
        "/language": ("language", "next"),
    }
    for path, name in ((path, name) for path, names in forms.items() for name in names):
        answer = guest.http.post(path, data={name: text})
        assert answer.status_code in (303, 400, 403, 422), (path, name, answer.text)
        assert_harmless(answer)
        assert "etc/passwd" not in answer.headers.get("location", "")


@each_text
def test_hostile_text_in_a_cookie_is_ignored(stack: RunningStack, guest: Guest, text: str) -> None:
    value = text.encode().translate(None, bytes(range(32)))  # those are no HTTP at all
    suffix = guest.guest_cookie[0].removeprefix("arloji_guest")
    names = (f"arloji_{name}{suffix}" for name in ("guest", "cart", "checkout", "language"))
    headers = [(b"Cookie", b"; ".join(name.encode() + b"=" + value for name in names))]
    for path in ("/cart", "/orders"):
        answer = httpx.get(f"{stack.shop_url}{path}", headers=headers)
        assert answer.status_code == 200, path


def test_hostile_text_in_an_order_is_kept_as_it_is_or_refused(
    stack: RunningStack, guest: Guest
) -> None:
    product = guest.product()["product_id"]
    kept = {}
    for text in TEXTS:
        answer = guest.post_order({product: 1}, customer={**CUSTOMER, "address": text})
        if answer.status_code == 422:
            assert len(text) > 500 or any(ord(char) < 32 for char in text), text
        else:
            assert answer.status_code == 202, (text, answer.text)
            kept[answer.json()["order_id"]] = text.strip()
    assert {guest.wait_for_end(order_id)["status"] for order_id in kept} == {"confirmed"}
    found = rows(stack, "SELECT order_id, customer_address FROM orders")
    stored = {row["order_id"]: row["customer_address"] for row in found}
    assert {order_id: stored[order_id] for order_id in kept} == kept
    assert len(kept) > len(TEXTS) / 2


# Headers that a stranger may not set


def test_a_guest_header_from_outside_has_no_effect(guest: Guest, other_guest: Guest) -> None:
    order_id = guest.post_order({guest.product()["product_id"]: 1}).json()["order_id"]
    guest.wait_for_end(order_id)
    owner = str(uuid.UUID(guest.guest_cookie[1].split(".")[0]))
    forged = {"x-arloji-guest": owner, "Idempotency-Key": "forged-guest"}
    for path in (f"/api/orders/{order_id}", f"/orders/{order_id}"):
        assert other_guest.http.get(path, headers=forged).status_code == 404
    assert other_guest.http.get("/api/orders", headers=forged).json() == {"items": []}
    api = f"{guest.http.base_url}/api/orders".replace("//api", "/api")
    assert_problem(httpx.get(f"{api}/{order_id}", headers=forged), 404)
    assert httpx.get(api, headers=forged).json() == {"items": []}
    assert_problem(httpx.post(api, json=ORDER, headers=forged), 401)


@pytest.mark.parametrize(
    "headers",
    [
        *({"X-Arloji-Timeout-Ms": budget} for budget in ("0", "-1", "x", "999999999")),
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
        {"Forwarded": "for=1.2.3.4;host=evil.example;proto=https"},
        {"X-Forwarded-For": "1.2.3.4", "X-Real-IP": "1.2.3.4"},
        {"X-Forwarded-Prefix": "/evil", "X-Original-URL": "/api/orders", "X-Rewrite-URL": "/x"},
    ],
    ids=lambda headers: " ".join(map(str, next(iter(headers.items())))),
)
def test_headers_between_services_have_no_effect_from_outside(
    guest: Guest, headers: dict[str, str]
) -> None:
    for path in ("/", "/cart", "/api/products?page_size=1"):
        answer = guest.http.get(path, headers=headers)
        assert answer.status_code == 200
        assert "evil.example" not in answer.text + str(answer.headers)
    moved = guest.http.get("/products/1", headers=headers)
    assert moved.headers["location"].startswith("/products/")


def test_the_shop_is_well_after_all_of_this(stack: RunningStack, guest: Guest) -> None:
    for name in ("frontend", "api-gw", "service-http", "publisher", "consumer"):
        url = f"{stack.url(name)}/readyz"
        # A check that was late once, on a busy machine, says "degraded" until the next one.
        answer = eventually(
            lambda url=url: httpx.get(url), lambda answer: answer.json()["status"] == "ok"
        )
        assert answer.status_code == 200
    assert " ended (" not in stack.output()
    for log in (stack.data / "log").glob("*.log"):
        assert "unexpected error" not in log.read_text(errors="replace"), log
