"""The connections to one other service, on real sockets: who gets them, and that none is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servicekit.http_client import pool as pools
from servicekit.http_client.failures import NoConnectionInTime, UpstreamFailure
from servicekit.http_client.pool import ConnectionPool, open_pool
from tests.scripted import SILENCE, ScriptedServer, ok, scripted
from tests.waiting import eventually_async

MOST = 3


@asynccontextmanager
async def opened(url: str, most: int = MOST) -> AsyncIterator[ConnectionPool]:
    async with open_pool(url, max_connections=most) as pool:
        yield pool
        assert_all_places_are_known(pool, most)


def assert_all_places_are_known(pool: ConnectionPool, most: int) -> None:
    assert pool._places + len(pool._open) == most
    assert set(pool._idle) <= pool._open
    assert pool._waiting == []


async def get(pool: ConnectionPool, target: str = "/x") -> bytes:
    with await pool.send("GET", target, []) as answer:
        return await answer.read()


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted() as server:
        yield server


async def test_the_connection_used_last_is_used_first(server: ScriptedServer) -> None:
    async with opened(server.url) as pool:
        await asyncio.gather(*(get(pool) for _ in range(MOST)))
        server.received.clear()
        for _ in range(5):
            await get(pool)
        assert len({request.connection for request in server.received}) == 1


async def test_of_those_who_wait_the_last_to_come_is_served_first_and_too_many_not_at_all(
    server: ScriptedServer,
) -> None:
    async with echoing() as url, opened(url, 2) as pool:
        held = [asyncio.create_task(get(pool, f"/hold-{number}")) for number in range(2)]
        await eventually_async(lambda: len(pool._open), lambda n: n == 2)
        order: list[str] = []

        async def wait(name: str) -> None:
            order.append((await get(pool, f"/{name}")).decode())

        waiting = [asyncio.create_task(wait(name)) for name in ("first", "last")]
        await eventually_async(lambda: len(pool._waiting), lambda n: n == 2)
        with pytest.raises(NoConnectionInTime):
            await get(pool)
        assert await get_released(url) == b"/release"
        await asyncio.gather(*held, *waiting)
        assert order == ["/last", "/first"]


async def get_released(url: str) -> bytes:
    async with open_pool(url, max_connections=1) as another:
        return await get(another, "/release")


async def test_who_waits_when_it_is_closed_is_told_so(server: ScriptedServer) -> None:
    server.otherwise = SILENCE
    async with open_pool(server.url, max_connections=1) as pool:
        held = asyncio.create_task(get(pool))
        await eventually_async(lambda: server.received)
        waiting = asyncio.create_task(get(pool))
        await eventually_async(lambda: pool._waiting)
    with pytest.raises(NoConnectionInTime):
        await waiting
    held.cancel()


async def test_who_leaves_before_the_answer_takes_the_connection_along(
    server: ScriptedServer,
) -> None:
    server.script.append(SILENCE)
    async with opened(server.url, most=1) as pool:
        leaving = asyncio.create_task(get(pool))
        await eventually_async(lambda: server.received)
        leaving.cancel()
        assert await get(pool) == b"{}"


async def test_silence_ends_after_a_while_without_any_deadline(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "_TICK_SECONDS", 0.05)
    monkeypatch.setattr(pools, "READ_SECONDS", 0.1)
    server.otherwise = SILENCE
    async with opened(server.url) as pool:
        with pytest.raises(TimeoutError):
            await get(pool)


@pytest.mark.parametrize(
    ("method", "target", "name", "value"),
    [
        ("GET", "/x y", b"accept", b"a"),
        ("GET", "/x\r\nX-Injected: 1", b"accept", b"a"),
        ("GET", "/", b"accept", b"a\r\nX-Injected: 1"),
        ("GET", "/", b"accept\r\nX-Injected: 1\r\nb", b"a"),
        ("GET", "/", b"accept", b"a\0"),
        ("GET /evil HTTP/1.1\r\nHost: x\r\n\r\nGET", "/", b"accept", b"a"),
    ],
)
async def test_no_header_and_no_target_can_write_another_line(
    server: ScriptedServer, method: str, target: str, name: bytes, value: bytes
) -> None:
    async with opened(server.url) as pool:
        with pytest.raises(ValueError, match=r"line break|space"):
            await pool.send(method, target, [(name, value)])
    assert server.connections == 0


# Bodies in pieces --------------------------------------------------------------------------------


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


@pytest.mark.parametrize("stated", [None, 6])
async def test_a_body_in_pieces_arrives_chunked_or_with_the_length_that_was_stated(
    stated: int | None,
) -> None:
    headers = [] if stated is None else [(b"content-length", b"%d" % stated)]
    async with echoing() as url, opened(url) as pool:
        for _ in range(2):
            with await pool.send("POST", "/body", [*headers], pieces(b"abc", b"", b"def")) as got:
                expected = b"abcdef" if stated else b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
                assert await got.read() == expected
        assert len(pool._open) == 1


@pytest.mark.parametrize("parts", [(b"abc",), (b"abc", b"def", b"ghi")])
async def test_a_body_of_another_length_than_stated_is_never_taken_for_the_next_request(
    parts: tuple[bytes, ...],
) -> None:
    async with echoing() as url, opened(url) as pool:
        with pytest.raises(ValueError, match="6 bytes"):
            await pool.send("POST", "/held-body", [(b"content-length", b"6")], pieces(*parts))
        assert await get(pool, "/mine") == b"/mine"


async def test_an_answer_that_comes_before_the_body_is_sent_is_taken_and_the_last_one() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000
            await asyncio.sleep(0)

    async with echoing() as url, opened(url) as pool:
        with await pool.send("POST", "/early", [], endless()) as answer:
            assert await answer.read() == b"/early"
        await eventually_async(lambda: not pool._open)
        assert await get(pool, "/mine") == b"/mine"


@asynccontextmanager
async def echoing() -> AsyncIterator[str]:
    """Answers a target with itself: at once, in parts, late, or not at all, as it says."""
    released = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        target = body = head.split(b" ")[1]
        if target == b"/release":
            released.set()
        if target.startswith(b"/hold"):
            await released.wait()
        if target.endswith(b"body"):
            length = 6 if b"content-length: 6" in head else 21
            body = await reader.readexactly(length)
        if b"breaks" in target:
            return False
        raw = ok(body).raw
        for piece in (raw[:10], raw[10:]) if b"parts" in target else (raw,):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return b"ends" not in target and b"early" not in target

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


# Whoever is cancelled, and whenever --------------------------------------------------------------

# How the other side answers, and after how many turns of the loop its client leaves, if at all.
REQUESTS = st.tuples(
    st.sampled_from(["plain", "parts", "ends", "breaks"]),
    st.none() | st.integers(0, 12),
)


@settings(max_examples=60)
@given(st.lists(REQUESTS, min_size=1, max_size=6))
async def test_no_place_is_lost_and_no_answer_reaches_another_whoever_leaves_and_when(
    requests: list[tuple[str, int | None]],
) -> None:
    async def ask(pool: ConnectionPool, number: int, how: str) -> None:
        target = f"/{how}-{number}"
        assert await get(pool, target) == target.encode()

    async with echoing() as url, opened(url, most=2) as pool:
        asking = [
            asyncio.create_task(ask(pool, number, how)) for number, (how, _) in enumerate(requests)
        ]
        for turn in range(13):
            await asyncio.sleep(0)
            for task, (_, leaves_at) in zip(asking, requests, strict=True):
                if leaves_at == turn:
                    task.cancel()
        for outcome in await asyncio.gather(*asking, return_exceptions=True):
            left = isinstance(outcome, asyncio.CancelledError | UpstreamFailure)
            assert outcome is None or left, repr(outcome)
        # Both places serve as ever.
        await asyncio.gather(*(ask(pool, number, "plain") for number in range(2)))
