"""An upstream that does to each request what the test says, byte by byte."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass(frozen=True)
class Answer:
    """`raw` is sent as it is; then the connection stays, is closed, or is reset."""

    raw: bytes = b""
    then: str = "stay"


def ok(body: bytes = b"{}", *fields: str, status: str = "200 OK") -> Answer:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    if not any(field.lower().startswith("content-type") for field in fields):
        lines.append("Content-Type: application/json")
    return Answer("\r\n".join([*lines, "", ""]).encode("latin-1") + body)


def closes(raw: bytes = b"") -> Answer:
    return Answer(raw, "close")


def resets(raw: bytes = b"") -> Answer:
    return Answer(raw, "reset")


SILENCE = Answer(then="wait")


@dataclass
class ScriptedServer:
    """Takes one answer from `script` for each request, and `otherwise` when there is none left.
    Probes are answered aside, on connections of their own."""

    url: str = ""
    script: deque[Answer] = field(default_factory=deque)
    otherwise: Answer = field(default_factory=ok)
    health: str = "200 OK"
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    listener: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        self._open.add(writer)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._answer_one(reader, writer, connection):
                    pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> bool:
        request = await _read_request(reader, connection)
        if request.target == "/healthz":
            writer.write(ok(b"", "Connection: close", status=self.health).raw)
            await writer.drain()
            return False
        self.received.append(request)
        answer = self.script.popleft() if self.script else self.otherwise
        if answer.raw:
            writer.write(answer.raw)
            await writer.drain()
        if answer.then == "wait":
            await reader.read()  # until the client gives up
        if answer.then == "reset":
            raw_socket = writer.get_extra_info("socket")
            raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return answer.then == "stay"

    def write_to_all(self, raw: bytes) -> None:
        """Say something that nobody asked for."""
        for writer in self._open:
            writer.write(raw)

    @property
    def open_connections(self) -> int:
        return len(self._open)

    async def stop_listening(self) -> None:
        """From now on nobody is there."""
        assert self.listener is not None
        self.listener.close()
        self.drop_connections()
        await self.listener.wait_closed()

    def drop_connections(self) -> None:
        """Close all, as an idle time-out does."""
        for writer in self._open:
            writer.close()


async def _read_request(reader: asyncio.StreamReader, connection: int) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _version = first.split(" ")
    headers = tuple((name, value.strip()) for name, _, value in (li.partition(":") for li in lines))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return Received(method, target, headers, await reader.readexactly(length), connection)


@asynccontextmanager
async def scripted() -> AsyncIterator[ScriptedServer]:
    upstream = ScriptedServer()
    server = upstream.listener = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()
        upstream.drop_connections()


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = url.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port))


async def exchange(url: str, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send these bytes and read until the other side closes: status, headers and body of the
    last answer. Nothing tidies the request up on its way."""
    reader, writer = await connect(url)
    try:
        writer.write(raw)
        received = await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    fields = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    return int(status.split(" ")[1]) if status else 0, fields, body
