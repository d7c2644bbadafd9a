"""One connection to another service: whatever arrives and however it is cut, an answer is whole or
a failure, and only a clean connection is used again."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.http_client.answer import BUFFER_BYTES, Answer
from servicekit.http_client.answer_head import MAX_HEADER_BYTES
from servicekit.http_client.connection import Connection
from servicekit.http_client.failures import AnswerBroken, ConnectionFailed, UpstreamFailure


class Wire(asyncio.Transport):
    """Where a connection's bytes go, and what it asks of its socket."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection, self.sent, self.unsent = connection, b"", 0
        self.reads, self.closed = True, False
        connection.connection_made(self)

    def write(self, data: Any) -> None:
        self.sent += data

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self, error: Exception | None = None) -> None:
        if not self.closed:
            self.closed = True
            self._connection.connection_lost(error)

    abort = close


class Owner:
    def __init__(self) -> None:
        self.back: list[Connection] = []

    def take_back(self, connection: Connection) -> None:
        self.back.append(connection)

    def forget(self, connection: Connection) -> None:
        pass


def opened() -> tuple[Connection, Wire, Owner]:
    connection, owner = Connection(), Owner()
    connection.owner = owner
    return connection, Wire(connection), owner


async def asked(connection: Connection, *, is_head: bool = False) -> asyncio.Task[Answer]:
    asking = asyncio.ensure_future(
        connection.exchange(b"GET / HTTP/1.1\r\n\r\n", b"", length=0, is_head=is_head)
    )
    await asyncio.sleep(0)
    return asking


def cut(stream: bytes, places: Sequence[int]) -> list[bytes]:
    ends = sorted({place % (len(stream) + 1) for place in places} | {0, len(stream)})
    return [stream[start:end] for start, end in pairwise(ends)]


def plain(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-A: 1\r\n\r\n%b" % (len(body), body)


def chunked(body: bytes) -> bytes:
    chunks = [body[start : start + 7] for start in range(0, len(body), 7)]
    return (
        b"HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x;x=y\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
        + b"0\r\nX-Trailer: 1\r\n\r\n"
    )


def announced(body: bytes) -> bytes:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    return hints + b"HTTP/1.1 100 Continue\r\n\r\n" + plain(body)


@given(
    st.lists(st.tuples(st.sampled_from([plain, chunked, announced]), st.binary(max_size=40))),
    st.lists(st.integers(0, 10_000), max_size=12),
)
async def test_an_answer_is_the_same_however_its_bytes_are_cut(
    answers: list[Any], places: list[int]
) -> None:
    connection, wire, owner = opened()
    for number, (form, body) in enumerate(answers, 1):
        asking = await asked(connection)
        for piece in cut(form(body), places):
            assert connection not in owner.back[number - 1 :], "before its last byte"
            connection.data_received(piece)
        answer = await asking
        assert (answer.status, answer.header(b"x-a"), await answer.read()) == (200, b"1", body)
        assert answer.header(b"x-trailer") == b""
        assert (len(owner.back), wire.closed) == (number, False)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5), st.booleans())
async def test_any_bytes_are_an_answer_or_a_failure_and_the_connection_is_clean_or_closed(
    noise: bytes, places: list[int], behind_an_answer: bool
) -> None:
    connection, wire, owner = opened()
    asking = await asked(connection)
    for piece in cut(plain(b"mine") * behind_an_answer + noise, places):
        if not wire.closed:
            connection.data_received(piece)
    wire.close()
    try:
        answer = await asking
        body = await answer.read()
        assert not behind_an_answer or body == b"mine"
    except UpstreamFailure:
        assert not behind_an_answer
    if behind_an_answer and noise and not places:
        assert owner.back == []


@pytest.mark.parametrize(
    ("raw", "is_head", "status", "body", "again"),
    [
        (plain(b"x"), False, 200, b"x", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False, 204, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", False, 304, b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", True, 200, b"", True),
        # The other side ends it, or says too much.
        (plain(b"x").replace(b"X-A: 1", b"Connection: close"), False, 200, b"x", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", False, 200, b"x", False),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil closed", False, 200, b"until closed", False),
        (plain(b"x") + b"y", False, 200, b"x", False),
        (plain(b"x") + plain(b"evil"), False, 200, b"x", False),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\nx", False, 204, b"", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", True, 200, b"", False),
    ],
)
async def test_an_answer_ends_where_it_says_and_only_a_clean_connection_is_used_again(
    raw: bytes, is_head: bool, status: int, body: bytes, again: bool
) -> None:
    connection, wire, owner = opened()
    asking = await asked(connection, is_head=is_head)
    connection.data_received(raw)
    if not owner.back:
        wire.close()
    answer = await asking
    assert (answer.status, await answer.read()) == (status, body)
    assert (owner.back == [connection], wire.closed) == (again, not again)
    if again:
        asking = await asked(connection)
        connection.data_received(plain(b"next"))
        assert await (await asking).read() == b"next"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * MAX_HEADER_BYTES,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEADER_BYTES + b"\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 1000,
    ],
    ids=lambda raw: raw[:60],
)
async def test_what_is_no_answer_fails_at_once(raw: bytes) -> None:
    connection, wire, owner = opened()
    asking = await asked(connection)
    for piece in cut(raw, range(0, len(raw), 4096)):
        if not wire.closed:
            connection.data_received(piece)
    with pytest.raises(AnswerBroken):
        await asking
    assert wire.closed
    assert owner.back == []


@pytest.mark.parametrize("begun", [False, True])
async def test_a_broken_connection_tells_whether_an_answer_had_begun(begun: bool) -> None:
    connection, wire, _ = opened()
    asking = await asked(connection)
    if begun:
        connection.data_received(b"H")
    wire.close(ConnectionResetError())
    with pytest.raises(ConnectionFailed) as caught:
        await asking
    assert (caught.value.before_answer, caught.value.reused) == (not begun, False)


async def test_what_nobody_asked_for_closes_the_connection() -> None:
    connection, wire, _ = opened()
    connection.data_received(plain(b"evil"))
    assert wire.closed


async def test_an_answer_that_is_not_read_stops_its_sender() -> None:
    connection, wire, owner = opened()
    asking = await asked(connection)
    connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n")
    answer = await asking
    connection.data_received(b"x" * BUFFER_BYTES)
    assert wire.reads
    connection.data_received(b"x")
    assert not wire.reads
    assert not connection.waits, "it is not the other side that is silent"
    assert not await answer.is_small()
    assert len(answer.take()) == BUFFER_BYTES + 1
    assert wire.reads
    connection.data_received(b"x" * (200_000 - BUFFER_BYTES - 1))
    assert len(await answer.read()) == 200_000 - BUFFER_BYTES - 1
    assert owner.back == [connection]


@pytest.mark.parametrize("whole", [False, True])
async def test_who_leaves_an_answer_takes_the_connection_along_unless_it_is_whole(
    whole: bool,
) -> None:
    connection, wire, owner = opened()
    asking = await asked(connection)
    connection.data_received(plain(b"1234")[: None if whole else -1])
    with await asking:
        pass
    assert (owner.back == [connection], wire.closed) == (whole, not whole)


async def test_an_answer_to_a_request_that_was_not_sent_whole_is_the_last_one() -> None:
    connection, wire, owner = opened()
    asking = await asked(connection)
    wire.unsent = 1
    connection.data_received(plain(b"too large"))
    assert await (await asking).read() == b"too large"
    assert wire.closed
    assert owner.back == []
