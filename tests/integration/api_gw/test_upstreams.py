"""What the gateway's clients are told when a service fails, and what is tried again."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from servicekit.admission import budget
from servicekit.http_client.answer_head import MAX_HEADER_BYTES
from servicekit.http_proxy.with_proxy import WithProxy
from services.api_gw import limits
from services.api_gw.app import create_app
from services.api_gw.settings import Settings
from services.api_gw.table import TABLE, routes_by_path
from tests.asgi import running
from tests.naming import system_names
from tests.scripted import SILENCE, Answer, ScriptedServer, closes, connect, ok, resets
from tests.waiting import eventually_async as eventually

PRODUCTS, ORDERS = "/api/products", "/api/orders"
KEY = {"Idempotency-Key": "k-1"}
GUEST = {"X-Arloji-Guest": "11111111-2222-4333-8444-555555555555"}


def assert_problem(answer: httpx.Response, status: int, slug: str) -> None:
    document = answer.json()
    assert (answer.status_code, document["type"]) == (status, f"urn:arloji:problem:{slug}")
    assert document["status"] == status
    assert document["instance"] == answer.request.url.path
    assert document["trace_id"] == answer.headers["traceresponse"].split("-")[1]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert ("retry-after" in answer.headers) == (status == 503)


def budgets(upstream: ScriptedServer) -> list[int]:
    """The milliseconds that each request was given."""
    return [int(one.values("x-arloji-timeout-ms")[0]) for one in upstream.received]


OK_HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
HALF = OK_HEAD + b"Content-Length: 10\r\n\r\nhalf"
PROBLEM = "Content-Type: application/problem+json"
TEXT = "Content-Type: text/plain"
BROKEN = (
    *(closes(), resets(), closes(OK_HEAD + b"Content-Le"), closes(HALF), resets(HALF)),
    *(closes(CHUNKED + b"4\r\nhalf\r\n"), closes(CHUNKED + b"zz\r\n")),
    closes(OK_HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx"),
    closes(OK_HEAD + b"Content-Length: -1\r\n\r\nx"),
    *(closes(b"SSH-2.0-OpenSSH_9.6\r\n"), closes(b"\x00\x01\x02\x03")),
    *(closes(b"HTTP/1.1 999999 What\r\n\r\n"), closes(b"HTTP/1.1 100 Continue\r\n\r\n")),
    closes(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
    Answer(OK_HEAD + b"X-Long: " + b"x" * MAX_HEADER_BYTES * 2 + b"\r\n\r\n"),
    Answer(OK_HEAD + b"X-Many: x\r\n" * 500 + b"\r\n"),
    ok(b"<h1>oops</h1>", "Content-Type: text/html", status="500 Internal Server Error"),
    ok(b"{}", PROBLEM, status="500 Internal Server Error"),
    ok(b"", status="502 Bad Gateway"),
)


@pytest.mark.parametrize(
    ("answer", "status", "slug"),
    [
        *((broken, 502, "bad-gateway") for broken in BROKEN),
        # A failure that explains nothing is explained here.
        (ok(b"", TEXT, status="503 Sorry"), 503, "service-unavailable"),
        (ok(b"", TEXT, status="504 Sorry"), 504, "deadline-passed"),
        # Silence ends with the caller's deadline, also in the middle of an answer.
        (SILENCE, 504, "deadline-passed"),
        (Answer(HALF, then="wait"), 504, "deadline-passed"),
    ],
    ids=lambda value: f"{value.then} after {value.raw[:70]!r}" if isinstance(value, Answer) else "",
)
async def test_what_is_no_answer_is_a_problem(
    client: httpx.AsyncClient, reads: ScriptedServer, answer: Answer, status: int, slug: str
) -> None:
    reads.otherwise = answer
    headers = {"X-Arloji-Timeout-Ms": "100"} if answer.then == "wait" else {}
    assert_problem(await client.get(PRODUCTS, headers=headers), status, slug)
    reads.otherwise = ok()
    assert (await client.get(PRODUCTS)).status_code == 200


@pytest.mark.parametrize(
    "more_settings",
    [
        # A port of the system's, which no other test is given.
        {"service_http_url": "http://127.0.0.1:9"},
        {"service_http_url": "http://nobody.invalid"},
    ],
)
async def test_a_service_that_is_not_there_is_a_502_whose_reason_only_the_log_tells(
    client: httpx.AsyncClient, more_settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    host = more_settings["service_http_url"].removeprefix("http://").partition(":")[0]
    answer = await client.get(PRODUCTS)
    assert_problem(answer, 502, "bad-gateway")
    assert host not in answer.text
    assert host in caplog.text


async def test_a_publisher_whose_name_hangs_costs_orders_only(reads: ScriptedServer) -> None:
    """As after `docker stop`: the name is then not answered for, ten seconds a look-up. The reads
    are more than one pool holds idle, so that they need look-ups, too."""
    reads.otherwise = ok(b"{}", "Connection: close")
    with system_names() as system:
        system.addresses["reads.test"] = ["127.0.0.1"]
        system.hang("orders.test")
        settings = Settings(
            service_http_url=reads.url.replace("127.0.0.1", "reads.test"),
            publisher_url="http://orders.test:8083",
            queue_seconds=5,
        )
        async with running(create_app(settings)) as client:
            began = asyncio.get_running_loop().time()
            orders = [client.post(ORDERS, headers=KEY, json={}) for _ in range(20)]
            pages = [client.get(PRODUCTS) for _ in range(40)]
            answers = await asyncio.gather(*orders, *pages)
            taken = asyncio.get_running_loop().time() - began
    for answer in answers[:20]:
        assert_problem(answer, 503, "service-unavailable")
    assert [answer.status_code for answer in answers[20:]] == [200] * 40
    assert taken < 5


async def test_a_service_that_was_there_and_lost_its_name_is_a_503_at_once(
    orders: ScriptedServer,
) -> None:
    """Its last address is tried for as long as it answers, and then left alone."""
    orders.otherwise = ok(b"{}", "Connection: close")
    with system_names() as system:
        system.addresses["lost.test"] = ["127.0.0.1"]
        url = orders.url.replace("127.0.0.1", "lost.test")
        async with running(create_app(Settings(publisher_url=url))) as client:
            assert (await client.post(ORDERS, headers=KEY)).status_code == 200
            system.addresses["lost.test"] = []
            assert (await client.post(ORDERS, headers=KEY)).status_code == 200
            await orders.stop_listening()
            for _ in range(3):
                answer = await client.post(ORDERS, headers=KEY)
                assert_problem(answer, 503, "service-unavailable")


# Time --------------------------------------------------------------------------------------------


async def test_a_route_waits_no_longer_than_its_own_limit(
    reads: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = routes_by_path(tuple(replace(route, timeout_seconds=1) for route in TABLE))
    monkeypatch.setattr("services.api_gw.routes.routes_by_path", lambda: short)
    reads.otherwise = SILENCE
    async with running(create_app(Settings(service_http_url=reads.url))) as client:
        answer = await client.get(PRODUCTS, headers={"X-Arloji-Timeout-Ms": "60000"})
    assert_problem(answer, 504, "deadline-passed")
    assert "1.0 s" in answer.json()["detail"]
    assert budgets(reads)[0] <= 1000


@pytest.mark.parametrize("milliseconds", ["0", "1"])
async def test_without_time_nothing_is_sent_at_all(
    client: httpx.AsyncClient, reads: ScriptedServer, orders: ScriptedServer, milliseconds: str
) -> None:
    headers = KEY | {"X-Arloji-Timeout-Ms": milliseconds}
    for method, path, upstream in (("GET", PRODUCTS, reads), ("POST", ORDERS, orders)):
        # A connection that is there already needs no time.
        await client.request(method, path)
        upstream.received.clear()
        upstream.otherwise = SILENCE
        answer = await client.request(method, path, headers=headers)
        assert_problem(answer, 504, "deadline-passed")
        assert milliseconds == "1" or upstream.received == []


async def test_a_large_answer_that_breaks_is_cut_and_never_looks_whole(
    tcp_client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    reads.otherwise = closes(b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + b"x" * 200_000)
    with pytest.raises(httpx.RemoteProtocolError):
        await tcp_client.get(PRODUCTS)


# What is sent a second time ----------------------------------------------------------------------

BEGUN = (b"H", b"\r\n", b"HTTP/1.1 2", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK")
REFUSED = (408, 421, 425, 429, 500, 502, 503, 504)


@pytest.mark.parametrize(
    ("method", "headers", "answers", "status", "sent"),
    [
        # Broken before the answer: once more, and no third time.
        ("GET", {}, [closes(), ok()], 200, 2),
        ("GET", {}, [resets(), ok()], 200, 2),
        ("GET", {}, [closes()] * 3, 502, 2),
        ("POST", KEY, [closes(), ok()], 200, 2),
        ("POST", KEY, [closes()] * 3, 502, 2),
        ("POST", {}, [closes(), ok()], 502, 1),
        # Whoever answers has had the request; with a key, too, a second one may be a second order.
        *(
            (method, KEY, [Answer(raw, then), ok()], 502, 1)
            for method in ("GET", "POST")
            for raw in BEGUN
            for then in ("close", "reset")
        ),
        *(
            (method, KEY, [ok(b"", status=f"{code} Sorry")], 502 if code == 500 else code, 1)
            for method in ("GET", "POST")
            for code in REFUSED
        ),
    ],
)
@pytest.mark.parametrize("used_before", [False, True])
async def test_a_request_is_sent_again_once_and_only_if_it_broke_before_its_answer(
    client: httpx.AsyncClient,
    reads: ScriptedServer,
    orders: ScriptedServer,
    method: str,
    headers: dict[str, str],
    answers: list[Answer],
    status: int,
    sent: int,
    used_before: bool,
) -> None:
    """And no more often on a connection that had been used."""
    path, upstream = (PRODUCTS, reads) if method == "GET" else (ORDERS, orders)
    if used_before:
        await client.request(method, path)
    upstream.received.clear()
    upstream.script.extend(answers)
    body = b'{"a": 1}' if method == "POST" else b""
    answer = await client.request(method, path, headers=headers, content=body)
    assert (answer.status_code, len(upstream.received)) == (status, sent)
    for request in upstream.received:
        assert request.body == body
        assert request.values("idempotency-key") == list(headers.values())
    assert budgets(upstream) == sorted(budgets(upstream), reverse=True)


async def test_a_second_try_needs_time_as_well(
    client: httpx.AsyncClient, orders: ScriptedServer
) -> None:
    """The first one breaks as the time is up."""
    orders.otherwise = SILENCE
    answer = await client.post(ORDERS, headers=KEY | {"X-Arloji-Timeout-Ms": "200"})
    assert_problem(answer, 504, "deadline-passed")
    orders.drop_connections()
    orders.otherwise = ok()
    assert (await client.post(ORDERS, headers={"Idempotency-Key": "k-2"})).is_success
    assert [one.values("idempotency-key") for one in orders.received] == [["k-1"], ["k-2"]]


@pytest.mark.parametrize("more_settings", [{"admission": "off"}])
async def test_second_tries_have_a_budget(
    client: httpx.AsyncClient, reads: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upstream that always breaks sees some second tries, then one for each ten requests."""
    monkeypatch.setattr(budget, "_RETRIES_PER_SECOND", 0)
    reads.otherwise = closes()
    for _ in range(45):
        await client.get(PRODUCTS)
    assert len(reads.received) == 45 + 10 + 4


# What is not passed on ---------------------------------------------------------------------------


@pytest.mark.parametrize("more_settings", [{"max_in_flight": 1}])
async def test_more_than_the_limit_under_way_is_shed_at_once(
    gateway: WithProxy, client: httpx.AsyncClient, reads: ScriptedServer, orders: ScriptedServer
) -> None:
    reads.script.append(SILENCE)
    waiting = asyncio.create_task(client.get(PRODUCTS))
    await eventually(lambda: reads.received)
    async with asyncio.timeout(30):
        shed = await client.get("/api/brands")
        assert_problem(shed, 503, "service-unavailable")
        assert len(reads.received) == 1
        # Whether the service lives can be asked all the same.
        await gateway.health.dependencies["service-http"].check()
        # The other service has a limit of its own.
        assert (await client.post(ORDERS)).status_code == 200
        reads.drop_connections()  # the one that waits is sent again
        assert (await waiting).status_code == 200
    assert (await client.get("/api/brands")).status_code == 200
    assert len(orders.received) == 1


@pytest.mark.parametrize("more_settings", [{"guest_order_rate": 0.2}])
async def test_one_guests_orders_are_limited_and_anothers_are_not(
    client: httpx.AsyncClient, orders: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"X-Arloji-Guest": "11111111-2222-4333-8444-555555555556"}
    assert (await client.post(ORDERS, headers=GUEST)).status_code == 200
    refused = await client.post(ORDERS, headers=GUEST)
    assert refused.status_code == 429
    assert refused.json()["type"] == "urn:arloji:problem:too-many-requests"
    assert 0 < int(refused.headers["retry-after"]) <= 5
    assert (await client.post(ORDERS, headers=other)).status_code == 200
    assert (await client.get(ORDERS, headers=GUEST)).status_code == 200
    assert len(orders.received) == 2
    # Who comes back when told to is not too early.
    monkeypatch.setattr(limits.GuestRate, "seconds_to_wait", lambda *_: 0.2)
    assert (await client.post(ORDERS, headers=GUEST)).headers["retry-after"] == "1"


async def test_a_client_that_leaves_does_not_disturb_the_next(
    tcp_client: httpx.AsyncClient, url: str, reads: ScriptedServer
) -> None:
    """Answers never reach another request, even if connections are shared."""
    reads.script.extend([SILENCE, ok(b'"mine"')])
    _, writer = await connect(url)
    writer.write(b"GET /api/products HTTP/1.1\r\nHost: x\r\nX-Arloji-Timeout-Ms: 300\r\n\r\n")
    await eventually(lambda: reads.received)
    writer.close()
    answer = await tcp_client.get("/api/brands")
    assert answer.text == '"mine"'
    assert [request.target for request in reads.received] == [PRODUCTS, "/api/brands"]
