"""What the gateway passes on, and how; both sides on real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import uuid4

import aiohttp
import httpx
import pytest

from servicekit.http_server.app import ServiceApp
from services.api_gw.table import Service
from tests.scripted import Answer, ScriptedServer, connect, exchange, ok

GUEST = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api/products", "/api/products"),
        ("/api/products?q=jam%20selam&sort=-price", "/api/products?q=jam%20selam&sort=-price"),
        ("/api/products/17", "/api/products/17"),
        ("/api/products/17?q=1", "/api/products/17"),
        ("/api/brands", "/api/brands"),
        ("/api/orders", "/api/orders"),
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
    answer = await client.get(path)
    assert answer.json() == {"items": []}
    assert [(request.method, request.target) for request in reads.received] == [("GET", target)]
    assert orders.received == []


async def test_an_order_goes_to_the_publisher_with_its_body_and_key(
    client: httpx.AsyncClient, reads: ScriptedServer, orders: ScriptedServer
) -> None:
    orders.otherwise = ok(b'{"order_id": 1}', "Location: /api/orders/1", status="202 Accepted")
    headers = {"Idempotency-Key": "k-1", "X-Arloji-Guest": GUEST}
    answer = await client.post("/api/orders", json={"items": []}, headers=headers)
    assert answer.status_code == 202
    assert answer.headers["location"] == "/api/orders/1"
    (request,) = orders.received
    assert (request.method, request.target) == ("POST", "/api/orders")
    assert json.loads(request.body) == {"items": []}
    assert request.values("content-type") == ["application/json"]
    assert request.values("idempotency-key") == ["k-1"]
    assert request.values("x-arloji-guest") == [GUEST]
    assert reads.received == []


@pytest.mark.parametrize("guest", ["nobody", f"{{{GUEST}}}", GUEST.replace("-", ""), ""])
async def test_what_is_not_a_guests_uuid_is_not_passed_on(
    client: httpx.AsyncClient, reads: ScriptedServer, guest: str
) -> None:
    await client.get("/api/orders", headers={"X-Arloji-Guest": guest})
    assert reads.received[0].values("x-arloji-guest") == []


async def test_two_guests_in_one_request_are_nobody(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    both = [("X-Arloji-Guest", GUEST), ("X-Arloji-Guest", str(uuid4()))]
    await client.get("/api/orders", headers=both)
    assert reads.received[0].values("x-arloji-guest") == []


async def test_fields_of_one_hop_end_here(
    tcp_client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    """RFC 9110 §7.6.1; what `Connection` names is one of them, whatever it is."""
    await tcp_client.get(
        "/api/products",
        headers={
            "Connection": "keep-alive, X-Hop, if-none-match, x-arloji-guest",
            "X-Hop": "1",
            "If-None-Match": '"1"',
            "Keep-Alive": "timeout=5",
            "Proxy-Connection": "keep-alive",
            "Proxy-Authorization": "Basic eDp5",
            "TE": "trailers",
            "Trailer": "Expires",
            "Upgrade": "h2c",
            "X-Arloji-Guest": GUEST,
            "Accept-Language": "id",
        },
    )
    (request,) = reads.received
    names = {name.lower() for name, _ in request.headers}
    assert names == {
        *("host", "accept", "accept-encoding", "accept-language", "user-agent", "via"),
        *("x-arloji-guest", "x-arloji-timeout-ms", "traceparent"),
    }
    assert request.values("accept-language") == ["id"]


async def test_what_the_client_says_about_itself_stays_outside(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    forwarded = {
        "Host": "evil.example",
        "Cookie": "arloji_guest=x",
        "Authorization": "Bearer x",
        "Forwarded": "for=10.0.0.1",
        "X-Forwarded-For": "10.0.0.1",
        "X-Forwarded-Host": "evil.example",
        "X-Real-IP": "10.0.0.1",
        "X-Original-URL": "/healthz",
        "X-HTTP-Method-Override": "DELETE",
        "X-Arloji-Admin": "1",
        "Baggage": "a=b",
    }
    await client.get("/api/products", headers=forwarded)
    (request,) = reads.received
    assert request.values("host") == [reads.url.removeprefix("http://")]
    for name in forwarded.keys() - {"Host"}:
        assert request.values(name) == []


async def test_the_hop_names_itself_behind_those_before_it(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    await client.get("/api/products", headers={"Via": "1.1 frontend"})
    assert ", ".join(reads.received[0].values("via")) == "1.1 frontend, 1.1 api-gw"


async def test_fields_of_the_answers_hop_end_here_too(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    reads.otherwise = ok(
        b"{}",
        *("Connection: keep-alive, X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "X-Kept: 1"),
        *("Server: secret/1.0", "Date: Thu, 01 Jan 1970 00:00:00 GMT", "Set-Cookie: a=b"),
        *("traceresponse: 00-11111111111111111111111111111111-1111111111111111-01", "Age: 3"),
        *("Trailer: Expires", "Proxy-Authenticate: Basic", "Upgrade: h2c"),
    )
    answer = await client.get("/api/products")
    assert sorted(name.decode().lower() for name, _ in answer.headers.raw) == [
        *("access-control-expose-headers", "age", "content-length", "content-type"),
        *("traceresponse", "x-kept"),
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


async def test_an_order_without_a_body_reaches_the_publisher_as_one(
    tcp_client: httpx.AsyncClient, orders: ScriptedServer
) -> None:
    await tcp_client.post("/api/orders")
    assert orders.received[0].body == b""
    assert orders.received[0].values("content-length") == ["0"]


async def test_a_chunked_body_arrives_whole_with_its_length(
    url: str, orders: ScriptedServer
) -> None:
    status, _, _ = await exchange(
        url,
        b"POST /api/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    )
    assert status == 200
    assert orders.received[0].body == b"abcde"
    assert orders.received[0].values("content-length") == ["5"]
    assert orders.received[0].values("transfer-encoding") == []


@pytest.mark.parametrize("size", [64 * 1024, 64 * 1024 + 1])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_refused_however_it_comes(
    tcp_client: httpx.AsyncClient, orders: ScriptedServer, size: int, chunked: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 4096):
            yield b"x" * min(4096, size - start)

    answer = await tcp_client.post("/api/orders", content=pieces() if chunked else b"x" * size)
    if size > 64 * 1024:
        assert answer.status_code == 413
        assert answer.json()["type"] == "urn:arloji:problem:body-too-large"
        assert orders.received == []
    else:
        assert answer.status_code == 200
        assert len(orders.received[0].body) == size


async def test_a_body_that_stops_half_way_reaches_nobody(url: str, orders: ScriptedServer) -> None:
    _, writer = await connect(url)
    writer.write(b"POST /api/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with httpx.AsyncClient(base_url=url) as client:
        await client.post("/api/orders", content=b"whole")
    assert [request.body for request in orders.received] == [b"whole"]


async def test_expect_is_answered_here(url: str, orders: ScriptedServer) -> None:
    reader, writer = await connect(url)
    writer.write(
        b"POST /api/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"{}")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
    assert orders.received[0].values("expect") == []


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 200_000, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_an_answer_of_any_size_arrives_whole(
    tcp_client: httpx.AsyncClient, reads: ScriptedServer, size: int, chunked: bool
) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    pieces = b"".join(
        b"%x\r\n%s\r\n" % (len(piece), piece)
        for piece in (body[start : start + 50_000] for start in range(0, size, 50_000))
    )
    reads.otherwise = (
        Answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n")
        if chunked
        else ok(body)
    )
    answer = await tcp_client.get("/api/products")
    assert answer.content == body
    if size <= 64 * 1024 or not chunked:
        assert answer.headers["content-length"] == str(size)


async def test_a_compressed_answer_is_not_unpacked_on_the_way(
    url: str, reads: ScriptedServer
) -> None:
    reads.otherwise = ok(b"not really gzip", "Content-Encoding: gzip")
    _, headers, body = await exchange(
        url, b"GET /api/products HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert body == b"not really gzip"
    assert headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_without_content_has_no_body(
    tcp_client: httpx.AsyncClient, reads: ScriptedServer, status: str
) -> None:
    reads.otherwise = Answer(f'HTTP/1.1 {status}\r\nETag: "1"\r\n\r\n'.encode())
    for _ in range(2):
        answer = await tcp_client.get("/api/products")
        assert answer.status_code == int(status[:3])
        assert answer.headers["etag"] == '"1"'
        assert answer.content == b""
        assert not {"content-length", "transfer-encoding"} & set(answer.headers)
    assert {request.connection for request in reads.received} == {reads.received[0].connection}


async def test_head_is_a_get_whose_body_stays_here(
    tcp_client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    reads.otherwise = ok(b"12345")
    answer = await tcp_client.head("/api/products")
    assert answer.headers["content-length"] == "5"
    assert answer.content == b""
    assert reads.received[0].method == "GET"


async def test_a_redirect_is_passed_on_and_not_followed(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    elsewhere = "http://127.0.0.1:1/elsewhere"
    reads.otherwise = ok(b"", f"Location: {elsewhere}", status="302 Found")
    answer = await client.get("/api/products")
    assert (answer.status_code, answer.headers["location"]) == (302, elsewhere)
    assert len(reads.received) == 1


async def test_a_refusal_of_the_service_passes_unchanged(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    refusal = b'{"type": "urn:arloji:problem:unprocessable", "status": 422}'
    reads.otherwise = ok(
        refusal, "Content-Type: application/problem+json", status="422 Unprocessable Content"
    )
    answer = await client.get("/api/products?sort=x")
    assert answer.status_code == 422
    assert answer.content == refusal
    assert answer.headers["content-type"] == "application/problem+json"


async def test_connections_are_kept_and_used_again(
    client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    for _ in range(5):
        await client.get("/api/products")
    assert {request.connection for request in reads.received} == {reads.received[0].connection}


async def test_a_service_that_calls_itself_broken_is_not_reached(
    gateway: ServiceApp, client: httpx.AsyncClient, reads: ScriptedServer
) -> None:
    reads.health = "503 Stuck"
    with pytest.raises(aiohttp.ClientResponseError, match="503"):
        await gateway.state.gateway.check_alive(Service.HTTP)


async def test_it_is_ready_once_both_services_were_reached(
    client: httpx.AsyncClient,
) -> None:
    async with asyncio.timeout(30):
        while (answer := await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.02)
    assert answer.json()["checks"].keys() == {"service-http", "publisher"}
    assert answer.json()["status"] == "ok"
