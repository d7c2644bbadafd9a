"""Nothing that a client writes as a path leads out of the route table, byte by byte over TCP."""

import httpx
import pytest

from tests.hostile_paths import HOSTILE_PATHS
from tests.scripted import ScriptedServer, exchange


async def ask(url: str, target: str, method: str = "GET", *fields: bytes) -> int:
    request = f"{method} {target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n"
    raw = request.encode("latin-1") + b"".join(field + b"\r\n" for field in fields) + b"\r\n"
    status, _, _ = await exchange(url, raw)
    return status


async def test_no_hostile_path_reaches_a_service(
    url: str, reads: ScriptedServer, orders: ScriptedServer
) -> None:
    assert len(HOSTILE_PATHS) >= 60
    for method in ("GET", "POST"):
        outcomes = {path: await ask(url, path, method) for path in HOSTILE_PATHS}
        assert {path: status for path, status in outcomes.items() if status != 404} == {}
    assert reads.received == orders.received == []


async def test_only_the_path_of_a_target_counts_and_what_is_none_is_refused(
    url: str, reads: ScriptedServer
) -> None:
    """The absolute form (RFC 9112 §3.2.2) included: where a request goes is not the client's say.
    Nor can a query write a second request."""
    injected = "?q=a%0d%0aX-Injected:%201%0d%0a%0d%0aGET%20/healthz"
    for target in (
        *("/api/products?x=/../../healthz", "/api/products?", "/api/products#/../healthz"),
        *(f"/api/products{injected}", '/api/products?q=|"<'),
    ):
        assert await ask(url, target) == 200, target
        (request,) = reads.received
        assert request.target.split("?")[0] == "/api/products"
        assert request.values("host") == [reads.url.removeprefix("http://")]
        assert request.values("x-injected") == []
        assert not set('|"<') & set(request.target), "no URL may hold these"
        reads.received.clear()
    for target in (
        *("/api/products\x00", "/api/products\x00/17", "/api/products\x7f", "/api/ products"),
        *("/api/products\xff", "api/products", "*", "", "127.0.0.1:80", "/api/products\t17"),
        *("http://127.0.0.1:1/api/products", "http://user:password@evil.example/api/products"),
    ):
        assert 400 <= await ask(url, target) < 500, target
    assert reads.received == []


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
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["type"] == "urn:arloji:problem:method-not-allowed"
    assert reads.received == []


@pytest.mark.parametrize("path", ["/healthz/", "/readyz/", "/api"])
async def test_no_path_is_redirected_to_a_likely_one(client: httpx.AsyncClient, path: str) -> None:
    """Starlette would build the address from the Host header."""
    answer = await client.get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "location" not in answer.headers


async def test_no_byte_in_a_header_is_an_unexpected_error(url: str, orders: ScriptedServer) -> None:
    statuses = {
        byte: await ask(url, "/api/orders", "POST", b"Idempotency-Key: k%ck" % byte)
        for byte in (*range(0x00, 0x20), 0x7F, 0x80, 0xC3, 0xFF)
    }
    assert {byte: status for byte, status in statuses.items() if status not in {200, 400}} == {}
    assert {0x00, 0x0A, 0x0D} <= {byte for byte, status in statuses.items() if status == 400}
    assert ["kk"] not in [request.values("idempotency-key") for request in orders.received]


@pytest.mark.parametrize("path", ["/api/openapi.json", "/openapi.json"])
async def test_the_gateway_describes_the_api_itself(
    client: httpx.AsyncClient, reads: ScriptedServer, orders: ScriptedServer, path: str
) -> None:
    answer = await client.get(path)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["openapi"].startswith("3.1")
    assert "/api/orders" in answer.json()["paths"]
    assert (await client.head(path)).status_code == answer.status_code == 200
    assert reads.received == orders.received == []
