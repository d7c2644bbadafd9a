"""The API proxy of the frontend, and the connections of what is forwarded."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack

import httpx
import pytest

from local.free_port import free_port
from servicekit.http_client import pool
from servicekit.http_client.connecting import CONNECT_SECONDS
from servicekit.http_client.failures import ConnectionFailed
from servicekit.http_client.pool import KEEP_ALIVE_SECONDS
from servicekit.http_proxy.forwarding import (
    ForwardingApp,
    OutgoingRequest,
    Upstream,
    open_upstream,
)
from servicekit.http_server.app import create_service_app
from servicekit.http_server.service import ServiceApp
from servicekit.name_resolution import Address, resolver
from servicekit.problems import ServiceUnavailable
from servicekit.settings import ServiceSettings
from tests.asgi import running
from tests.naming import system_names
from tests.scripted import SILENCE, Answer, ScriptedServer, closes, ok, scripted
from tests.waiting import eventually_async

REQUEST = OutgoingRequest("GET", "/x", [])


class Settings(ServiceSettings):
    service_name = "test"
    port: int = 1


@pytest.fixture
async def gateway() -> AsyncIterator[ScriptedServer]:
    async with scripted() as upstream:
        yield upstream


@pytest.fixture
async def client(gateway: ScriptedServer) -> AsyncIterator[httpx.AsyncClient]:
    async def open_resources(app: ServiceApp, stack: AsyncExitStack) -> None:
        app.state.upstream = await stack.enter_async_context(open_upstream(gateway.url))

    app = create_service_app(Settings(), open_resources=open_resources)
    proxy = ForwardingApp(
        "/api",
        upstream_of=lambda _: app.state.upstream,
        own_headers=lambda _: [(b"x-arloji-guest", b"g")],
        via=b"test",
    )
    app.mount("/api", proxy)
    async with running(app) as client:
        yield client


@pytest.mark.parametrize("path", ["/api/products?q=a%20b", "/api/any/path-of_it.json", "/api/1"])
async def test_a_plain_path_is_passed_on_as_it_is_and_own_headers_win(
    client: httpx.AsyncClient, gateway: ScriptedServer, path: str
) -> None:
    gateway.otherwise = ok(b"there")
    headers = {"X-Arloji-Guest": "forged", "Connection": "X-Arloji-Guest"}
    assert (await client.get(path, headers=headers)).text == "there"
    (received,) = gateway.received
    assert received.target == path
    assert received.values("x-arloji-guest") == ["g"]
    assert received.values("via") == ["1.1 test"]


async def send(upstream: Upstream, times: int = 1) -> None:
    for _ in range(times):
        with await upstream.send(REQUEST) as answer:
            await answer.read()


async def until_closed(gateway: ScriptedServer, seconds: float = 10) -> None:
    await eventually_async(lambda: gateway.open_connections, lambda n: n == 0, seconds)


async def test_a_stale_connection_is_replaced_and_a_new_one_that_breaks_is_not(
    client: httpx.AsyncClient, gateway: ScriptedServer
) -> None:
    gateway.script.append(closes())
    assert (await client.get("/api/x")).status_code == 502
    assert len(gateway.received) == 1
    gateway.script.extend([ok(), closes()])
    await client.get("/api/x")
    assert (await client.get("/api/x")).status_code == 200
    assert len(gateway.received) == 4


async def test_a_service_that_comes_back_in_between_gets_the_second_try() -> None:
    """A refused connection counts as broken before the first byte; who may repeat is asked."""
    port = free_port()
    loop, refused = asyncio.get_running_loop(), list[ConnectionFailed]()
    upstream_server = ScriptedServer()

    def come_back(_request: OutgoingRequest, failure: ConnectionFailed) -> bool:
        refused.append(failure)
        listener = socket.create_server(("127.0.0.1", port))
        tasks.append(loop.create_task(asyncio.start_server(upstream_server.serve, sock=listener)))
        return True

    tasks: list[asyncio.Task[asyncio.Server]] = []
    url = f"http://127.0.0.1:{port}"
    async with open_upstream(url, may_repeat=come_back) as upstream:
        with await upstream.send(REQUEST) as answer:
            assert answer.status == 200
    (await tasks[0]).close()
    assert [(one.before_answer, one.reused) for one in refused] == [(True, False)]
    assert len(upstream_server.received) == 1


async def test_each_new_connection_asks_for_the_name_anew_and_takes_any_of_its_addresses(
    gateway: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffled: list[list[str]] = []

    def note(found: Sequence[Address], number: int) -> list[Address]:
        shuffled.append([address.host for address in found])
        return [*found][:number]

    monkeypatch.setattr(random, "sample", note)
    gateway.otherwise = closes(ok().raw.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
    by_name = gateway.url.replace("127.0.0.1", "gateway.test")
    with system_names() as system:
        system.addresses["gateway.test"] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
        async with open_upstream(by_name) as upstream:
            await send(upstream, 3)
    assert system.asked["gateway.test"] == 3
    assert shuffled == [["127.0.0.1", "127.0.0.2", "127.0.0.3"]] * 3


async def test_no_cookie_of_one_answer_is_sent_with_the_next_request(
    gateway: ScriptedServer,
) -> None:
    """By name: a jar that keeps cookies keeps none of an address."""
    gateway.otherwise = ok(b"{}", "Set-Cookie: session=1; Path=/")
    with system_names() as system:
        system.addresses["gateway.test"] = ["127.0.0.1"]
        async with open_upstream(gateway.url.replace("127.0.0.1", "gateway.test")) as upstream:
            await send(upstream, 2)
    assert [request.values("cookie") for request in gateway.received] == [[], []]


async def test_a_connection_that_idles_is_closed_by_its_client_first(
    gateway: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "KEEP_ALIVE_SECONDS", 0.1)
    async with open_upstream(gateway.url) as upstream:
        await send(upstream)
        await until_closed(gateway)


async def test_what_arrives_between_two_requests_answers_none(
    client: httpx.AsyncClient, gateway: ScriptedServer
) -> None:
    """Such as the 408 with which some servers close an idle connection."""
    gateway.otherwise = ok(b"mine")
    await client.get("/api/x")
    gateway.write_to_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    await until_closed(gateway, KEEP_ALIVE_SECONDS / 2)  # not just for being idle
    assert (await client.get("/api/x")).text == "mine"


async def test_more_than_one_answer_to_one_request_answers_no_other(
    client: httpx.AsyncClient, gateway: ScriptedServer
) -> None:
    gateway.script.append(Answer(ok(b"mine").raw + ok(b"evil").raw))
    gateway.otherwise = ok(b"mine")
    assert [(await client.get("/api/x")).text for _ in range(2)] == ["mine", "mine"]


async def test_who_finds_no_free_connection_in_time_is_told_to_come_back(
    gateway: ScriptedServer,
) -> None:
    gateway.script.append(SILENCE)
    async with open_upstream(gateway.url, max_connections=1) as upstream:
        waiting = asyncio.create_task(upstream.send(REQUEST))
        await eventually_async(lambda: gateway.received)
        with pytest.raises(ServiceUnavailable):
            await asyncio.wait_for(upstream.send(REQUEST), 30)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_who_gets_no_handshake_in_time_is_told_to_come_back() -> None:
    with ExitStack() as sockets, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):  # now nobody else fits into the queue
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        async with open_upstream(f"http://127.0.0.1:{port}") as upstream:
            with pytest.raises(ServiceUnavailable):
                await upstream.send(REQUEST)
        # Of a name that is lost, what hangs is then left alone.
        with system_names() as system:
            system.addresses["full.test"] = ["127.0.0.1"]
            await resolver.resolve("full.test")
            system.addresses["full.test"] = []
            async with open_upstream(f"http://full.test:{port}") as upstream:
                with pytest.raises(ServiceUnavailable):
                    await upstream.send(REQUEST)
                async with asyncio.timeout(CONNECT_SECONDS / 2):
                    with pytest.raises(ServiceUnavailable):
                        await upstream.send(REQUEST)
