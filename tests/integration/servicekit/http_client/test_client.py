"""The frontend's client: one span, one deadline, one second try, and problems for failures."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from local.free_port import free_port
from servicekit.deadline import within
from servicekit.http_client.failures import ConnectionFailed, NotAlive
from servicekit.http_client.fetching import fetch
from servicekit.http_client.remote_service import RemoteService, open_remote_service
from servicekit.problems import BadGateway, DeadlinePassed, Problem, ServiceUnavailable
from tests.naming import system_names
from tests.scripted import SILENCE, Answer, ScriptedServer, closes, ok, resets, scripted


@pytest.fixture
async def gateway() -> AsyncIterator[ScriptedServer]:
    async with scripted() as upstream:
        yield upstream


@pytest.fixture
async def client(gateway: ScriptedServer) -> AsyncIterator[RemoteService]:
    async with open_remote_service(gateway.url) as client:
        yield client


async def test_a_request_is_one_client_span_that_the_other_side_sees(
    client: RemoteService, gateway: ScriptedServer, spans: InMemorySpanExporter
) -> None:
    answer = await fetch(client, "GET", "/api/products", params={"q": "a b"})
    assert answer.json() == {}
    (span,) = spans.get_finished_spans()
    assert span.kind is SpanKind.CLIENT
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 200
    (request,) = gateway.received
    assert request.target == "/api/products?q=a+b"
    (traceparent,) = request.values("traceparent")
    assert traceparent.split("-")[2] == f"{span.context.span_id:016x}"
    # Outside of a request there is no budget.
    assert request.values("x-arloji-timeout-ms") == []


async def test_headers_and_the_time_that_is_left_are_sent(
    client: RemoteService, gateway: ScriptedServer
) -> None:
    with within(2):
        await fetch(client, "POST", "/api/orders", json={"a": 1}, headers={"X-Arloji-Guest": "g"})
    (request,) = gateway.received
    assert request.body == b'{"a":1}'
    assert request.values("x-arloji-guest") == ["g"]
    assert 0 < int(request.values("x-arloji-timeout-ms")[0]) <= 2000


async def test_nothing_is_sent_when_no_time_is_left(
    client: RemoteService, gateway: ScriptedServer
) -> None:
    with pytest.raises(DeadlinePassed), within(0):
        await fetch(client, "GET", "/x")
    assert gateway.received == []


async def test_no_cookie_of_one_guest_is_kept_for_the_next(
    client: RemoteService, gateway: ScriptedServer
) -> None:
    gateway.otherwise = ok(b"{}", "Set-Cookie: session=1; Path=/")
    for _ in range(2):
        await fetch(client, "GET", "/x")
    assert [request.values("cookie") for request in gateway.received] == [[], []]


@pytest.mark.parametrize("status", ["302 Found", "404 Not Found"])
async def test_a_redirect_and_a_refusal_are_answers(
    client: RemoteService, gateway: ScriptedServer, status: str
) -> None:
    gateway.otherwise = ok(b"{}", "Location: /y", status=status)
    assert (await fetch(client, "GET", "/x")).status == int(status[:3])
    assert len(gateway.received) == 1


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (closes(), BadGateway),
        (resets(), BadGateway),
        (closes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), BadGateway),
        (closes(b"SSH-2.0\r\n"), BadGateway),
        (ok(b"", status="500 Oops"), BadGateway),
        (ok(b"", status="502 Bad Gateway"), BadGateway),
        (ok(b"{}", "Retry-After: 9", status="503 Service Unavailable"), ServiceUnavailable),
        (ok(b"{}", status="504 Gateway Timeout"), DeadlinePassed),
        (SILENCE, DeadlinePassed),
    ],
    ids=str,
)
async def test_what_is_no_answer_is_a_problem(
    client: RemoteService, gateway: ScriptedServer, answer: Answer, problem: type[Problem]
) -> None:
    gateway.otherwise = answer
    with pytest.raises(problem) as caught, within(0.2 if answer is SILENCE else 30):
        await fetch(client, "GET", "/x")
    assert caught.value.headers.get("Retry-After") == (
        "9" if problem is ServiceUnavailable else None
    )


async def test_a_check_tells_whether_the_other_side_lives(
    client: RemoteService, gateway: ScriptedServer
) -> None:
    await client.check_alive()
    gateway.health = "503 Stuck"
    with pytest.raises(NotAlive):
        await client.check_alive()
    async with open_remote_service(f"http://127.0.0.1:{free_port()}") as nobody:
        with pytest.raises(ConnectionFailed):
            await nobody.check_alive()
        with pytest.raises(BadGateway):
            await fetch(nobody, "GET", "/x")


# The second try: on a connection that had been used, before the first byte, if it is safe ------


KEY = {"Idempotency-Key": "k"}


@pytest.mark.parametrize(("method", "headers"), [("GET", {}), ("POST", KEY)])
async def test_a_connection_that_went_stale_is_replaced_once(
    client: RemoteService,
    gateway: ScriptedServer,
    spans: InMemorySpanExporter,
    method: str,
    headers: dict[str, str],
) -> None:
    await fetch(client, "GET", "/first")
    gateway.script.append(resets())
    answer = await fetch(client, method, "/x", json={}, headers=headers)
    assert answer.status == 200
    assert [request.target for request in gateway.received] == ["/first", "/x", "/x"]
    *_, last = spans.get_finished_spans()
    assert last.attributes is not None
    assert last.attributes["http.request.resend_count"] == 1


@pytest.mark.parametrize(
    ("method", "headers", "used_before", "broken", "sent"),
    [
        ("GET", {}, False, closes(), 1),
        ("POST", KEY, False, closes(), 1),
        ("POST", {}, True, closes(), 1),
        ("GET", {}, True, closes(b"H"), 1),
        ("POST", KEY, True, resets(b"HTTP/1.1 200 OK\r\n"), 1),
        *(("POST", KEY, True, ok(b"", status=f"{status} Sorry"), 1) for status in (500, 502)),
        *(("GET", {}, True, ok(b"", status=f"{status} Sorry"), 1) for status in (500, 502)),
        # A second try that breaks as well is the last.
        ("GET", {}, True, closes(), 2),
    ],
)
async def test_everything_else_is_sent_once(
    client: RemoteService,
    gateway: ScriptedServer,
    method: str,
    headers: dict[str, str],
    used_before: bool,
    broken: Answer,
    sent: int,
) -> None:
    if used_before:
        await fetch(client, "GET", "/first")
    gateway.received.clear()
    gateway.otherwise = broken
    with pytest.raises(BadGateway):
        await fetch(client, method, "/x", headers=headers)
    assert len(gateway.received) == sent


async def test_a_loop_that_stood_still_finds_every_server_reachable(
    client: RemoteService, gateway: ScriptedServer
) -> None:
    """As on a machine with more work than it can do: the answers were there all the time."""
    requests = [asyncio.create_task(fetch(client, "GET", "/x")) for _ in range(5)]
    for _ in range(4):
        await asyncio.sleep(0)
        time.sleep(0.4)  # noqa: ASYNC251 (this is the event loop standing still)
    assert [(await request).status for request in requests] == [200] * 5


async def test_a_connection_does_not_wait_for_a_packet_that_was_lost() -> None:
    """As when a name stands for many pods and one of them has gone: the kernel asks again after a
    second, when the time for a connection is over."""
    with socket.socket() as listener, socket.socket() as other, system_names() as names:
        names.addresses["gateway.test"] = ["127.0.0.1"]
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        other.connect(listener.getsockname())  # the queue is full, and drops who comes next
        url = f"http://gateway.test:{listener.getsockname()[1]}"
        async with open_remote_service(url) as client:
            request = asyncio.create_task(fetch(client, "GET", "/x"))
            await asyncio.sleep(0.1)
            async with await asyncio.start_server(ScriptedServer().serve, sock=listener):
                assert (await request).status == 200
