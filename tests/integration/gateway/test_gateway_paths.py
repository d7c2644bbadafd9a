"""Nothing that a client writes as a path leads out of the route table, byte by byte over TCP."""

import httpx
import pytest

from tests.hostile_paths import HOSTILE_PATHS
from tests.scripted import ScriptedServer, exchange


async def ask(url: str, target: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    request = f"{method} {target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    return await exchange(url, request.encode("latin-1"))


async def test_no_hostile_path_reaches_a_service(
    url: str, reads: ScriptedServer, orders: ScriptedServer
) -> None:
    assert len(HOSTILE_PATHS) >= 60
    outcomes = {path: (await ask(url, path))[0] for path in HOSTILE_PATHS}
    assert {path: status for path, status in outcomes.items() if status != 404} == {}
    posted = {path: (await ask(url, path, "POST"))[0] for path in HOSTILE_PATHS}
    assert {path: status for path, status in posted.items() if status != 404} == {}
    assert reads.received == orders.received == []


@pytest.mark.parametrize(
    "target",
    [
        "/api/products?x=/../../healthz",
        "/api/products?",
        "/api/products#/../healthz",
    ],
)
async def test_only_the_path_of_a_target_counts(
    url: str, reads: ScriptedServer, target: str
) -> None:
    status, _, _ = await ask(url, target)
    assert status == 200
    (request,) = reads.received
    assert request.target.split("?")[0] == "/api/products"
    assert request.values("host") == [reads.url.removeprefix("http://")]


@pytest.mark.parametrize(
    "target",
    [
        *("/api/products\x00", "/api/products\x00/17", "/api/products\x7f", "/api/ products"),
        *("/api/products\xff", "api/products", "*", "", "127.0.0.1:80", "/api/products\t17"),
        # In absolute form (RFC 9112 §3.2.2): where a request goes is not the client's say.
        *("http://127.0.0.1:1/api/products", "http://user:password@evil.example/api/products"),
    ],
)
async def test_what_is_no_target_at_all_is_refused(
    url: str, reads: ScriptedServer, target: str
) -> None:
    status, _, _ = await ask(url, target)
    assert 400 <= status < 500
    assert reads.received == []


async def test_a_query_cannot_write_a_second_request(url: str, reads: ScriptedServer) -> None:
    await ask(url, "/api/products?q=a%0d%0aX-Injected:%201%0d%0a%0d%0aGET%20/healthz")
    assert len(reads.received) == 1
    assert reads.received[0].values("x-injected") == []


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/products", "GET, HEAD"),
        ("DELETE", "/api/products/17", "GET, HEAD"),
        ("PUT", "/api/orders", "GET, HEAD, POST"),
        ("PATCH", "/api/orders/11111111-2222-4333-8444-555555555555", "GET, HEAD"),
        ("OPTIONS", "/api/brands", "GET, HEAD"),
        ("TRACE", "/api/brands", "GET, HEAD"),
        ("POST", "/api/openapi.json", "GET, HEAD"),
    ],
)
async def test_a_known_path_tells_its_methods(
    client: httpx.AsyncClient, reads: ScriptedServer, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 405
    assert answer.json()["type"] == "urn:arloji:problem:method-not-allowed"
    assert answer.headers["allow"] == allowed
    assert reads.received == []


@pytest.mark.parametrize("path", ["/healthz/", "/readyz/", "/api"])
async def test_no_path_is_redirected_to_a_likely_one(client: httpx.AsyncClient, path: str) -> None:
    """Starlette would build the address from the Host header."""
    answer = await client.get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "location" not in answer.headers


async def test_no_byte_in_a_header_is_an_unexpected_error(url: str, orders: ScriptedServer) -> None:
    raw = b"POST /api/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    statuses = {}
    for byte in (*range(0x00, 0x20), 0x7F, 0x80, 0xC3, 0xFF):
        key = b"Idempotency-Key: k%ck\r\n\r\n" % byte
        statuses[byte], _, _ = await exchange(url, raw + key)
    assert {byte: status for byte, status in statuses.items() if status not in {200, 400}} == {}
    assert {0x00, 0x0A, 0x0D} <= {byte for byte, status in statuses.items() if status == 400}
    assert ["kk"] not in [request.values("idempotency-key") for request in orders.received]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_gateway_describes_the_api_itself(
    client: httpx.AsyncClient, reads: ScriptedServer, orders: ScriptedServer, method: str
) -> None:
    answer = await client.request(method, "/api/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    if method == "GET":
        assert answer.json() == (await client.get("/openapi.json")).json()
        assert answer.json()["openapi"].startswith("3.1")
    assert reads.received == orders.received == []
