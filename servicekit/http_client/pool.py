"""Connections to one other service, kept open and used again."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from servicekit.http_client.answer import Answer, Headers
from servicekit.http_client.connecting import connect, connect_timeout
from servicekit.http_client.connection import Body, Connection
from servicekit.http_client.failures import ConnectionFailed, NoConnectionInTime

# Shorter than the 75 s for which our servers keep an idle connection, so that in the common
# case it is the client that closes it.
KEEP_ALIVE_SECONDS = 20.0
# For the next byte of an answer; the deadline of a request under way is shorter.
READ_SECONDS = 10.0
_TICK_SECONDS = 1.0
# Methods that have a body, if only an empty one (RFC 9110 §8.6).
_WITH_BODY = frozenset({"PATCH", "POST", "PUT"})


class ConnectionPool:
    """At most `max_connections`; as many callers more wait for one, for no longer than
    `CONNECT_SECONDS` together with the connecting.

    The connection used last is used first, so that what a quiet time does not need grows old and
    is closed. Of those who wait, the last to come is served first: when there are too many, the
    first have the least time left to use what they get. Each connection resolves the name anew.
    """

    def __init__(self, base_url: str, *, max_connections: int) -> None:
        parts = urlsplit(base_url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host_field = b"Host: " + parts.netloc.encode("ascii")
        self._max_connections = max_connections
        # Of connections, being made included.
        self._places = max_connections
        self._open = set[Connection]()
        self._idle: list[Connection] = []
        # A connection, or a place for one.
        self._waiting: list[asyncio.Future[Connection | None]] = []
        self._closed = False
        self._timer = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)

    async def send(self, method: str, target: str, headers: Headers, body: Body = b"") -> Answer:
        """The answer, as soon as its headers are there. `target` and `headers` are without what
        follows from address and body; a body that comes in pieces is sent chunked unless its
        `content-length` is among `headers`. Raises an `UpstreamFailure`, `TimeoutError` if the
        other side is silent for `READ_SECONDS`, and `ValueError` for what no request can hold.
        """
        length = len(body) if isinstance(body, bytes) else _stated_length(headers)
        head = self._head(method, target, headers, body, length)
        connection = self._take_idle() or await self._wait_for_connection()
        return await connection.exchange(head, body, length=length, is_head=method == "HEAD")

    def _head(
        self, method: str, target: str, headers: Headers, body: Body, length: int | None
    ) -> bytes:
        lines = [f"{method} {target} HTTP/1.1".encode("ascii"), self._host_field]
        lines += map(b": ".join, headers)
        if length is None:
            lines.append(b"Transfer-Encoding: chunked")
        elif isinstance(body, bytes) and (body or method in _WITH_BODY):
            lines.append(b"Content-Length: %d" % length)
        head = b"\r\n".join([*lines, b"", b""])
        ends = len(lines) + 1
        if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
            raise ValueError("a line break in a header")
        if lines[0].count(b" ") != 2:
            raise ValueError("a space in a target")
        return head

    # Who gets which connection -------------------------------------------------------------------

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closing:
                connection.reused = True
                return connection
        return None

    async def _wait_for_connection(self) -> Connection:
        try:
            async with connect_timeout():
                given = await self._wait_for_place()
                return given if given is not None else await self._connect()
        except TimeoutError as error:
            why = f"{self._host}:{self._port}: no connection in time"
            raise NoConnectionInTime(why) from error

    async def _wait_for_place(self) -> Connection | None:
        if self._places:
            self._places -= 1
            return None
        if self._closed or len(self._waiting) >= self._max_connections:
            raise NoConnectionInTime(f"{self._host}:{self._port}: too many wait for a connection")
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                # Unless it was passed over in between.
                with suppress(ValueError):
                    self._waiting.remove(waiter)
            elif waiter.exception() is None:  # it had been given something just before
                self._give(waiter.result())
            raise

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            connected = await connect(self._host, self._port)
            name = self._host if self._tls else None
            _, connection = await loop.create_connection(
                Connection, sock=connected, ssl=self._tls, server_hostname=name
            )
            if connection.lost:
                raise ConnectionError("closed at once")
        except OSError as error:
            self._give(None)
            why = f"{self._host}:{self._port}: {error}"
            raise ConnectionFailed(why, before_answer=True, reused=False) from error
        except BaseException:
            self._give(None)
            raise
        connection.owner = self
        self._open.add(connection)
        return connection

    def _give(self, given: Connection | None) -> None:
        """To who waits, the last to come first; else keep it."""
        while self._waiting:
            waiter = self._waiting.pop()
            if not waiter.done():
                if given is not None:
                    given.reused = True
                waiter.set_result(given)
                return
        if given is None:
            self._places += 1
        else:
            self._idle.append(given)

    def take_back(self, connection: Connection) -> None:
        connection.quiet_ticks = 0
        self._give(connection)

    def forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._give(None)

    # Time ----------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Counts turns of the event loop and not time: of one that stood still, every connection
        would seem to have been silent."""
        self._timer = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)
        for connection in list(self._open):
            connection.quiet_ticks += 1
            silent = connection.quiet_ticks * _TICK_SECONDS
            if connection.waits and silent > READ_SECONDS:
                connection.fail(TimeoutError(f"{self._host}:{self._port} is silent"))
        for connection in list(self._idle):
            if connection.quiet_ticks * _TICK_SECONDS >= KEEP_ALIVE_SECONDS:
                connection.close()

    async def close(self) -> None:
        self._closed = True
        self._timer.cancel()
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(NoConnectionInTime("the pool is closed"))
        while self._open:
            for connection in list(self._open):
                connection.abort()
            await asyncio.sleep(0)


def _stated_length(headers: Headers) -> int | None:
    return next((int(value) for name, value in headers if name == b"content-length"), None)


@asynccontextmanager
async def open_pool(base_url: str, *, max_connections: int) -> AsyncIterator[ConnectionPool]:
    pool = ConnectionPool(base_url, max_connections=max_connections)
    try:
        yield pool
    finally:
        await pool.close()
