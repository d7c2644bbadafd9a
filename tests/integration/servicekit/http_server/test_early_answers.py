"""What a gate answers before a request becomes a task, on real connections."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from servicekit.http_server.early_answer import EarlyAnswer
from servicekit.http_server.protocol import HttpProtocol
from tests.asgi import served

pytestmark = pytest.mark.asyncio(loop_scope="module")

_REFUSED = EarlyAnswer(503, b"retry-after: 1\r\n", b"full")
BODY = b"four"


def get(path: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: test\r\n\r\n" % path


def post(path: bytes, *, length: int = 4, headers: bytes = b"") -> bytes:
    lines = b"Host: test\r\nContent-Length: %d\r\n%b" % (length, headers)
    return b"POST %b HTTP/1.1\r\n%b\r\n" % (path, lines)


def chunked(path: bytes, body: bytes) -> bytes:
    lines = b"Host: test\r\nTransfer-Encoding: chunked\r\n"
    return b"POST %b HTTP/1.1\r\n%b\r\n%b" % (path, lines, body)


@dataclass
class Gated:
    """Refuses whatever begins with `/full`; says which requests the gate was asked about, and which
    came through, with their bodies."""

    asked: list[bytes] = field(default_factory=list)
    served: list[tuple[str, bytes]] = field(default_factory=list)

    def gate(self, _method: bytes, target: bytes, _scope: Scope) -> EarlyAnswer | None:
        self.asked.append(target)
        return _REFUSED if target.startswith(b"/full") else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                assert (await receive())["type"] == f"lifespan.{event}"
                await send({"type": f"lifespan.{event}.complete"})
            return
        self.served.append((scope["path"], await Request(scope, receive).body()))
        await PlainTextResponse("done")(scope, receive, send)


class CountingProtocol(HttpProtocol):
    """Keeps what each call of `write` was given: one system call, if the client takes it."""

    writes: ClassVar[list[bytes]] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        own = cast(Any, self.transport)
        write = own.write

        def counted(data: bytes) -> None:
            self.writes.append(data)
            write(data)

        own.write = counted


@pytest_asyncio.fixture(loop_scope="module")
async def gated() -> AsyncIterator[tuple[Gated, str]]:
    app = Gated()
    CountingProtocol.writes.clear()
    async with served(app, http=CountingProtocol) as url:
        yield app, url


async def statuses(url: str, *pieces: bytes) -> list[int]:
    """Of the answers to what is sent piece by piece, until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.1)
    async with asyncio.timeout(10):
        answers = await reader.read()
    writer.close()
    return [int(one[:3]) for one in answers.split(b"HTTP/1.1 ")[1:]]


# After it the connection ends.
LAST = get(b"/last").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
CLOSE = b"Connection: close\r\n"


@pytest.mark.parametrize(
    ("pieces", "expected", "asked", "came"),
    [
        ([get(b"/full") + LAST], [503, 200], [b"/full", b"/last"], [("/last", b"")]),
        # A body that came with its head, by length or in chunks.
        ([post(b"/full") + BODY, LAST], [503, 200], [b"/full", b"/last"], [("/last", b"")]),
        (
            [chunked(b"/full", b"4\r\nfour\r\n0\r\n\r\n") + LAST],
            [503, 200],
            [b"/full", b"/last"],
            [("/last", b"")],
        ),
        ([post(b"/full", headers=CLOSE) + BODY], [503], [b"/full"], []),
        ([post(b"/a", headers=CLOSE) + BODY], [200], [b"/a"], [("/a", BODY)]),
        # One that comes later is not waited for at the gate, but by the app.
        ([post(b"/full", headers=CLOSE), BODY], [200], [], [("/full", BODY)]),
        ([post(b"/full", headers=CLOSE) + BODY[:1], BODY[1:]], [200], [], [("/full", BODY)]),
        # Answers keep their order: nobody is refused before those who asked earlier are answered.
        (
            [post(b"/a") + BODY + post(b"/full") + BODY + LAST],
            [200, 200, 200],
            [b"/a"],
            [("/a", BODY), ("/full", BODY), ("/last", b"")],
        ),
        # A body that breaks off in nonsense is no request.
        ([chunked(b"/a", b"4\r\nfour\r\nnonsense\r\n")], [400], [], []),
    ],
)
async def test_a_request_that_is_whole_is_refused_before_it_begins(
    gated: tuple[Gated, str],
    pieces: list[bytes],
    expected: list[int],
    asked: list[bytes],
    came: list[tuple[str, bytes]],
) -> None:
    app, url = gated
    assert await statuses(url, *pieces) == expected
    assert (app.asked, app.served) == (asked, came)
    assert len(CountingProtocol.writes) == len(expected), "an answer is more than one write"
