"""The cache's client: one connection for all, whose replies never meet another command."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from redis.asyncio import Redis
from redis.exceptions import ConnectionError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import TimeoutError as LateReply

from servicekit.cache.client import CacheClient
from servicekit.redis import create_redis
from servicekit.telemetry.tracing import tracer
from tests.publishing import redis_user
from tests.servers import RedisServer, running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, durable=False)
    with running(server):
        yield server


@asynccontextmanager
async def client_of(url: str, timeout_seconds: float = 20) -> AsyncIterator[CacheClient]:
    client = CacheClient(
        create_redis(url, timeout_seconds=timeout_seconds), timeout_seconds=timeout_seconds
    )
    try:
        yield client
    finally:
        await client.aclose()


async def fill(client: CacheClient, number: int) -> list[str]:
    keys = [f"c:{one}" for one in range(number)]
    await asyncio.gather(*(client.set(key, key.encode(), px=60_000) for key in keys))
    return keys


async def eventually_get(client: CacheClient, key: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                assert await client.get(key) == key.encode()
                return
            except (RedisError, OSError):
                await asyncio.sleep(0.02)


async def test_all_share_one_connection_and_each_gets_its_own_reply(
    own_server: RedisServer,
) -> None:
    async with (
        client_of(own_server.url) as client,
        create_redis(own_server.url, timeout_seconds=20, client_name="observer") as observer,
    ):
        keys = await fill(client, 300)
        replies = await asyncio.gather(*map(client.get, keys))
        assert replies == [key.encode() for key in keys]
        connected: Any = await observer.client_list()
        assert [one["name"] for one in connected].count("arloji") == 1
        assert await client.set("c:0", b"", px=1000, nx=True) is False
        await client.unlink("c:0")
        assert await client.get("c:0") is None
        await observer.rpush("c:list", "a")  # type: ignore[misc]
        found = await asyncio.gather(
            *map(client.get, ("c:1", "c:list", "c:2")), return_exceptions=True
        )
        assert [type(one) for one in found] == [bytes, ResponseError, bytes]


async def test_who_leaves_takes_no_reply_of_the_others(own_server: RedisServer) -> None:
    async with client_of(own_server.url) as client:
        keys = await fill(client, 100)
        own_server.send(signal.SIGSTOP)
        asking = [asyncio.ensure_future(client.get(key)) for key in keys]
        await asyncio.sleep(0.05)
        for leaver in asking[::2]:
            leaver.cancel()
        await asyncio.sleep(0)
        later = asyncio.ensure_future(client.get("c:1"))
        own_server.send(signal.SIGCONT)
        assert await asyncio.gather(*asking[1::2]) == [key.encode() for key in keys[1::2]]
        assert await later == b"c:1"
        assert all(leaver.cancelled() for leaver in asking[::2])


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
async def test_a_reply_that_does_not_come_fails_all_who_wait_and_the_next_connection_is_clean(
    own_server: RedisServer, number: signal.Signals
) -> None:
    async with client_of(own_server.url, timeout_seconds=0.3) as client:
        await eventually(lambda: fill(client, 3))
        own_server.send(signal.SIGSTOP)
        asking = [asyncio.ensure_future(client.get(f"c:{one}")) for one in range(3)]
        await asyncio.sleep(0.05)
        if number is signal.SIGKILL:
            own_server.send(number)
        async with asyncio.timeout(5):
            failures = await asyncio.gather(*asking, return_exceptions=True)
        expected = LateReply if number is signal.SIGSTOP else ConnectionError
        assert [type(one) for one in failures] == [expected] * 3
        if number is signal.SIGKILL:
            with pytest.raises((RedisError, OSError)):
                await client.get("c:1")
            await asyncio.to_thread(own_server.stop, number)
            await asyncio.to_thread(own_server.start)
            await eventually(lambda: fill(client, 3))
        else:
            own_server.send(signal.SIGCONT)
        await eventually_get(client, "c:2")


async def eventually(act: Callable[[], Any]) -> None:
    """On a busy machine a short time limit may pass by itself."""
    async with asyncio.timeout(30):
        while True:
            try:
                await act()
                return
            except (RedisError, OSError):
                await asyncio.sleep(0.02)


async def test_the_account_of_the_cache_is_enough_and_no_more(
    queue_server: RedisServer, queue: Redis
) -> None:
    async with (
        redis_user(queue, queue_server, "~c:* +get +mget +set +unlink") as url,
        client_of(url) as client,
    ):
        await fill(client, 2)
        await client.ping()
        for refused in (client.get("orders"), client.unlink("orders")):
            with pytest.raises(NoPermissionError):
                await refused
        assert await client.get("c:1") == b"c:1"


async def test_its_spans_are_those_of_the_instrumentation(
    own_server: RedisServer, spans: InMemorySpanExporter
) -> None:
    async with (
        client_of(own_server.url) as client,
        create_redis(own_server.url, timeout_seconds=20) as usual,
    ):
        await client.get("c:1")  # of no request
        with tracer().start_as_current_span("request"):
            for one in (client, usual):
                await one.get("c:1")
                await one.set("c:list", b"1", px=1000, nx=True)
    *commands, request = spans.get_finished_spans()
    ours, theirs = commands[:2], commands[2:]
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine.name, mine.kind) == (other.name, other.kind)
        assert dict(mine.attributes or {}) == dict(other.attributes or {})
        assert mine.parent == other.parent == request.context


class Server:
    """Answers the set-up, then each GET with what it is told to, in pieces."""

    def __init__(self, replies: bytes, cuts: list[int]) -> None:
        places = sorted({0, len(replies), *(cut % (len(replies) + 1) for cut in cuts)})
        self._pieces = [replies[one:two] for one, two in pairwise(places)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"arloji\r\n")  # CLIENT SETNAME
            writer.write(b"+OK\r\n")
            await reader.readuntil(b"GET\r\n")
            for piece in self._pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            await reader.read()
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        try:
            yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()


VALUES = st.lists(st.none() | st.binary(max_size=40), min_size=1, max_size=6)


@given(VALUES, st.lists(st.integers(min_value=0), max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_replies_may_arrive_in_any_pieces(values: list[bytes | None], cuts: list[int]) -> None:
    replies = b"".join(
        b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value) for value in values
    )

    async def ask() -> list[bytes | None]:
        async with Server(replies, cuts).running() as url, client_of(url) as client:
            return await asyncio.gather(*(client.get("c:1") for _ in values))

    assert asyncio.run(ask()) == values


@pytest.mark.parametrize("said", [b"HTTP/1.1 400\r\n\r\n", b"$1\r\na\r\n$1\r\nb\r\n"])
async def test_a_server_that_is_none_or_says_too_much_is_left(said: bytes) -> None:
    async with Server(said, []).running() as url, client_of(url) as client:
        first = asyncio.ensure_future(client.get("c:1"))
        await asyncio.wait([first])
        connection = client._connection
        assert connection is not None
        assert not connection.is_open
