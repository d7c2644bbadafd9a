"""One request and its answer, as an app meets them: the server's side of ASGI."""

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Scope
from uvicorn.server import ServerState

from servicekit.admission.arrival import arrival_of
from servicekit.admission.limiter import LEFT

logger = logging.getLogger(__name__)

# RFC 9110 §6.4.1
_WITHOUT_BODY = frozenset({204, 304})
# What a head may hold at the ends of its lines alone, or not at all (RFC 9110 §5.5).
_CONTROLS = bytes([*range(9), *range(10, 32), 127])
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
STATUS_LINES = {
    status: f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode()
    for status in range(100, 600)
}
_FAILED = STATUS_LINES[500] + b"content-length: 0\r\nconnection: close\r\n\r\n"


class Connection(Protocol):
    """What the answer is written to."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: Any
    server_state: ServerState
    tasks: set[asyncio.Task[None]]

    def is_last(self, exchange: "Exchange") -> bool:
        """Whether it is to end with the answer that begins now."""

    def on_response_complete(self) -> None: ...


class Exchange:
    """The head of an answer is written together with the first piece of its body: a system call
    costs as much as all that is computed for it here."""

    __slots__ = (
        *("_changed", "_chunked", "_connection", "_has_news", "_head", "_left", "body"),
        *("disconnected", "keep_alive", "more_body", "response_complete", "response_started"),
        *("scope", "task", "waiting_for_100_continue"),
    )

    def __init__(
        self, connection: Connection, scope: Scope, *, keep_alive: bool, expects: bool
    ) -> None:
        self._connection, self.scope = connection, scope
        self.keep_alive, self.waiting_for_100_continue = keep_alive, expects
        self.disconnected = self.response_started = self.response_complete = False
        self.body, self.more_body = bytearray(), True
        self._has_news = False
        self._changed: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None  # in which it runs

    async def run(self, app: ASGIApp) -> None:
        try:
            await app(self.scope, self.receive, self.send)
            if not (self.response_complete or self.disconnected or self._has_left()):
                raise RuntimeError("the app returned before its answer was whole")
        except BaseException as error:
            logger.error("an answer is not whole", exc_info=error)
            if not (self.response_started or self.disconnected):
                self._connection.transport.write(_FAILED)
            self._connection.transport.close()
        finally:
            if self.task is not None:
                self._connection.tasks.discard(self.task)

    def _has_left(self) -> bool:
        """Who is not answered because the connection is closed: the loop may not know it yet."""
        return not self.response_started and arrival_of(self.scope).lost(0.0) == LEFT

    def note(self) -> None:
        """Something has changed for who waits in `receive`."""
        self._has_news = True
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def leave(self) -> None:
        """The client has gone."""
        self.disconnected = True
        self.note()

    async def receive(self) -> Message:
        connection = self._connection
        if self.waiting_for_100_continue and not connection.transport.is_closing():
            connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not (self.disconnected or self.response_complete):
            connection.flow.resume_reading()
            while not self._has_news:
                self._changed = connection.loop.create_future()
                await self._changed
            self._has_news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Message) -> None:
        flow = self._connection.flow
        if flow.write_paused and not self.disconnected:
            await flow.drain()
        if self.disconnected:
            return
        if not self.response_started:
            self._begin(message["status"], message.get("headers", ()))
        elif self.response_complete:
            raise RuntimeError("the answer is whole already")
        else:
            self._write(message.get("body", b""), more=message.get("more_body", False))

    def _begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        connection, length = self._connection, None
        lines = [STATUS_LINES[status]]
        ends = not self.keep_alive or connection.is_last(self)
        self.response_started, self.waiting_for_100_continue = True, False
        for name, value in (*connection.server_state.default_headers, *headers):
            if name == b"connection":
                ends = ends or b"close" in value.lower()
                continue
            lines.append(b"%b: %b\r\n" % (name, value))
            if name == b"content-length":
                length = int(value)
        if ends:
            lines.append(b"connection: close\r\n")
        no_body = self.scope["method"] == "HEAD" or status in _WITHOUT_BODY
        self._chunked = length is None and not no_body
        if self._chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        head = b"".join(lines)
        if len(head.translate(None, _CONTROLS)) != len(head) - 2 * len(lines):
            raise RuntimeError("a control character in the head of an answer")
        self.keep_alive = not ends
        # Of what of the body is to come yet; of one that is dropped, that is not known.
        self._head, self._left = head, None if no_body or length is None else length

    def _write(self, body: bytes, *, more: bool) -> None:
        data, self._head = self._head, b""
        if self._chunked:
            data += b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            data += b"" if more else b"0\r\n\r\n"
        elif self._left is not None:
            data += body
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the answer is not of the length that its head states")
        if data:
            self._connection.transport.write(data)
        if not more:
            self.response_complete = True
            self.note()
            if not self.keep_alive:
                self._connection.transport.close()
            self._connection.on_response_complete()
