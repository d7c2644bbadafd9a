"""What the gateway passes on, and how; both sides on real sockets."""

import json
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from tests.scripted import Answer, ScriptedServer, connect, ok
from tests.waiting import eventually_async as eventually

GUEST = "11111111-2222-4333-8444-555555555555"
LIMIT = 64 * 1024


@pytest.mark.parametrize(
    ("path", "target"),
    [
        *((path, path) for path in ("/api/products", "/api/brands", "/api/orders")),
        ("/api/products?q=jam%20selam&sort=-price", "/api/products?q=jam%20selam&sort=-price"),
        ("/api/products/17", "/api/products/17"),
        ("/api/products/17?q=1", "/api/products/17"),
        (f"/api/orders/{GUEST.upper()}", f"/api/orders/{GUEST}"),
    ],
)
async def test_a_read_goes_to_service_http_by_a_path_that_the_gateway_builds(
    client: httpx.AsyncClient,
    reads: ScriptedServer,
    orders: ScriptedServer,
    path: str,
    target: str,
) -> None:
    reads.otherwise = ok(b'{"items": []}')
    assert (await client.get(path)).json() == {"items": []}
    assert [(request.method, request.target) for request in reads.received] == [("GET", target)]
    assert orders.received == []


async def test_an_order_goes_to_the_publisher_with_its_body_and_key(
    client: httpx.AsyncClient, reads: ScriptedServer, orders: ScriptedServer
) -> None:
    orders.otherwise = ok(b'{"order_id": 1}', "Location: /api/orders/1", status="202 Accepted")
    headers = {"Idempotency-Key": "k-1", "X-Arloji-Guest": GUEST}
    answer = await client.post("/api/orders", json={"items": []}, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (202, "/api/orders/1")
    (request,) = orders.received
    assert (request.method, request.target) == ("POST", "/api/orders")
    assert json.loads(request.body) == {"items": []}
    passed = {name: request.values(name) for name in (*headers, "Content-Type")}
    assert passed == {
        "Idempotency-Key": ["k-1"],
        "X-Arloji-Guest": [GUEST],
        "Content-Type": ["application/json"],
    }
    assert reads.received == []


@pytest.mark.parametrize(
    "guests",
    [["nobody"], [f"{{{GUEST}}}"], [GUEST.replace("-", "")], [""], [GUEST, str(uuid4())]],
)
async def test_what_is_not_one_guests_uuid_is_not_passed_on(
    client: httpx.AsyncClient, reads: ScriptedServer, guests: list[str]
) -> None:
    await client.get("/api/orders", headers=[("X-Arloji-Guest", guest) for guest in guests])
    assert reads.received[0].values("x-arloji-guest") == []


async def test_fields_of_one_hop_and_what_the_client_says_about_itself_end_here(
    tcp_client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    """RFC 9110 §7.6.1; what `Connection` names is one of them, whatever it is."""
    hop = {
        "Connection": "keep-alive, X-Hop, if-none-match, x-arloji-guest",
        "If-None-Match": '"1"',
        "Keep-Alive": "timeout=5",
        "Proxy-Authorization": "Basic eDp5",
        "TE": "trailers",
        "Trailer": "Expires",
        "Upgrade": "h2c",
        "Expect": "something",
    }
    hop |= dict.fromkeys(("X-Hop", "Proxy-Connection"), "keep-alive")
    itself = {
        "Host": "evil.example",
        "Cookie": "arloji_guest=x",
        "Authorization": "Bearer x",
        "Forwarded": "for=10.0.0.1",
        "X-HTTP-Method-Override": "DELETE",
        "X-Original-URL": "/healthz",
        "X-Arloji-Admin": "1",
        "Baggage": "a=b",
    }
    itself |= dict.fromkeys(("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"), "10.0.0.1")
    passed = {"X-Arloji-Guest": GUEST, "Accept-Language": "id", "Via": "1.1 frontend"}
    await tcp_client.get("/api/products", headers=hop | itself | passed)
    (request,) = reads.received
    assert {name.lower() for name, _ in request.headers} == {
        *("host", "accept", "accept-encoding", "accept-language", "user-agent", "via"),
        *("x-arloji-guest", "x-arloji-timeout-ms", "traceparent"),
    }
    assert request.values("accept-language") == ["id"]
    assert request.values("host") == [reads.url.removeprefix("http://")]
    assert ", ".join(request.values("via")) == "1.1 frontend, 1.1 api-gw"


async def test_fields_of_the_answers_hop_end_here_too_and_its_body_is_not_unpacked(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    reads.otherwise = ok(
        b"not really gzip",
        *("Connection: keep-alive, X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "X-Kept: 1"),
        *("Server: secret/1.0", "Date: Thu, 01 Jan 1970 00:00:00 GMT", "Set-Cookie: a=b"),
        *("traceresponse: 00-11111111111111111111111111111111-1111111111111111-01", "Age: 3"),
        *("Trailer: Expires", "Proxy-Authenticate: Basic", "Upgrade: h2c"),
        "Content-Encoding: gzip",
    )
    async with client.stream("GET", "/api/products") as answer:
        assert b"".join([piece async for piece in answer.aiter_raw()]) == b"not really gzip"
    assert sorted(name.decode().lower() for name, _ in answer.headers.raw) == [
        *("access-control-expose-headers", "age", "content-encoding", "content-length"),
        *("content-type", "traceresponse", "x-kept"),
    ]
    assert "11111111111111111111111111111111" not in answer.headers["traceresponse"]


async def test_the_time_that_is_left_is_passed_on(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    await client.get("/api/products", headers={"X-Arloji-Timeout-Ms": "2000"})
    await client.get("/api/products")
    short, full = (int(request.values("x-arloji-timeout-ms")[0]) for request in reads.received)
    assert 0 < short <= 2000
    assert 2000 < full <= 4000


@pytest.mark.parametrize("size", [0, 5, LIMIT, LIMIT + 1])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_arrives_whole_with_its_length_or_is_refused_however_it_comes(
    tcp_client: httpx.AsyncClient, orders: ScriptedServer, size: int, chunked: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 4096):
            yield b"x" * min(4096, size - start)

    answer = await tcp_client.post("/api/orders", content=pieces() if chunked else b"x" * size)
    if size > LIMIT:
        assert answer.status_code == 413
        assert answer.json()["type"] == "urn:arloji:problem:body-too-large"
        assert orders.received == []
    else:
        (request,) = orders.received
        assert (answer.status_code, request.body) == (200, b"x" * size)
        assert request.values("content-length") == [str(size)]
        assert request.values("transfer-encoding") == []


async def test_a_body_that_stops_half_way_reaches_nobody(url: str, orders: ScriptedServer) -> None:
    _, writer = await connect(url)
    writer.write(b"POST /api/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with httpx.AsyncClient(base_url=url) as client:
        await client.post("/api/orders", content=b"whole")
    assert [request.body for request in orders.received] == [b"whole"]


@pytest.mark.parametrize("size", [0, 1, LIMIT, 200_000, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_an_answer_of_any_size_arrives_whole(
    tcp_client: httpx.AsyncClient, reads: ScriptedServer, size: int, chunked: bool
) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    reads.otherwise = ok(body)
    if chunked:
        parts = (body[start : start + 50_000] for start in range(0, size, 50_000))
        pieces = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        reads.otherwise = Answer(head + pieces + b"0\r\n\r\n")
    answer = await tcp_client.get("/api/products")
    assert answer.content == body
    if size <= LIMIT or not chunked:
        assert answer.headers["content-length"] == str(size)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_without_content_has_no_body_and_leaves_its_connection_in_use(
    tcp_client: httpx.AsyncClient, reads: ScriptedServer, status: str
) -> None:
    reads.otherwise = Answer(f'HTTP/1.1 {status}\r\nETag: "1"\r\n\r\n'.encode())
    for _ in range(2):
        answer = await tcp_client.get("/api/products")
        assert (answer.status_code, answer.headers["etag"]) == (int(status[:3]), '"1"')
        assert answer.content == b""
        assert not {"content-length", "transfer-encoding"} & set(answer.headers)
    assert {request.connection for request in reads.received} == {reads.received[0].connection}


async def test_head_is_a_get_whose_body_stays_here(
    tcp_client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    reads.otherwise = ok(b"12345")
    answer = await tcp_client.head("/api/products")
    assert (answer.headers["content-length"], answer.content) == ("5", b"")
    assert reads.received[0].method == "GET"


@pytest.mark.parametrize(
    ("status", "name", "value"),
    [
        ("302 Found", "location", "http://127.0.0.1:1/elsewhere"),
        ("422 Unprocessable Content", "content-type", "application/problem+json"),
        ("503 Service Unavailable", "content-type", "application/problem+json"),
    ],
)
async def test_a_redirect_and_a_refusal_pass_unchanged(
    client: httpx.AsyncClient, reads: ScriptedServer, status: str, name: str, value: str
) -> None:
    reads.otherwise = ok(b'{"detail": "mine"}', f"{name}: {value}", "Retry-After: 7", status=status)
    answer = await client.get("/api/products?sort=x")
    assert (answer.status_code, answer.headers[name]) == (int(status[:3]), value)
    assert (answer.content, answer.headers["retry-after"]) == (b'{"detail": "mine"}', "7")
    assert len(reads.received) == 1


async def test_it_is_ready_once_both_services_were_reached_and_degraded_if_one_calls_itself_broken(
    client: httpx.AsyncClient, reads: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.http_server.health._INTERVAL_SECONDS", 0.1)

    async def ready() -> dict[str, str]:
        answer = (await client.get("/readyz")).json()
        return {"": answer["status"]} | {n: one["detail"] for n, one in answer["checks"].items()}

    reached = {"service-http": "reached", "publisher": "reached"}
    await eventually(ready, lambda told: told == {"": "ok"} | reached)
    reads.health = "503 Stuck"
    told = await eventually(ready, lambda told: told[""] == "degraded")
    assert told["service-http"].startswith("NotAlive: 503")
