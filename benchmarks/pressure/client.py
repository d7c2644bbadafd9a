"""A client that costs little: connections that are kept, one request on each at a time."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

import httptools

from benchmarks.pressure.mix import Ask
from benchmarks.pressure.samples import Outcome, Sample

# As nginx waits for the shop.
LEAVE_SECONDS = 10.0
_SWEEP_SECONDS = 0.25
_CONNECT_SECONDS = 10.0
_SUCCESS = range(200, 400)


class Try:
    """One request on its way. `answered` is called once, with what came of it."""

    __slots__ = ("answered", "ask", "body", "cookie", "planned", "repeated", "retry_after", "sent")

    def __init__(self, ask: Ask, planned: float, answered: Callable[["Try", Sample], None]) -> None:
        self.ask, self.planned, self.answered = ask, planned, answered
        self.sent, self.repeated, self.retry_after = 0.0, False, False
        self.cookie, self.body = "", b""

    def end(self, outcome: Outcome, status: int = 0) -> None:
        now = time.monotonic()
        lag = (self.sent or now) - self.planned
        sample = Sample(self.ask.kind, self.planned, now - self.planned, lag, outcome, status)
        self.answered(self, sample)

    def end_with(self, status: int) -> None:
        if status in _SUCCESS:
            outcome = Outcome.ADMITTED
        elif status in (429, 503) and self.retry_after:
            outcome = Outcome.SHED
        else:
            outcome = Outcome.FAILED if status in (502, 504) else Outcome.BROKEN
        self.end(outcome, status)


class Client:
    """As many connections as there are requests under way, up to `most`: who comes on top of that
    is not sent, which counts as a failure."""

    def __init__(self, address: tuple[str, int], most: int) -> None:
        self._address, self._most = address, most
        self.idle: list[Connection] = []
        self.open: set[Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    @property
    def under_way(self) -> int:
        return len(self.open) - len(self.idle) + len(self._connecting)

    def send(self, one: Try) -> None:
        one.sent = one.sent or time.monotonic()
        if self.idle:
            self.idle.pop().send(one)
        elif len(self.open) + len(self._connecting) >= self._most:
            one.end(Outcome.UNSENT)
        else:
            self._connect(one)

    def _connect(self, one: Try) -> None:
        task = asyncio.ensure_future(self._open(one))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _open(self, one: Try) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(
                max(0.05, one.planned + _CONNECT_SECONDS - time.monotonic())
            ):
                _, connection = await loop.create_connection(
                    lambda: Connection(self), *self._address
                )
        except TimeoutError:
            one.end(Outcome.LEFT)
        except OSError:
            one.end(Outcome.UNSENT)
        else:
            connection.send(one)

    def lost(self, one: Try, *, was_used: bool) -> None:
        """Its connection broke before an answer: on one that had been used before, the server
        may have closed it meanwhile."""
        if was_used and not one.repeated:
            one.repeated = True
            self._connect(one)
        else:
            one.end(Outcome.UNSENT)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            late = time.monotonic() - LEAVE_SECONDS
            for connection in list(self.open):
                if connection.current is not None and connection.current.planned < late:
                    connection.leave()

    async def quiet(self) -> None:
        """Returns once nothing is under way any more."""
        while self.under_way:  # noqa: ASYNC110 - counted, not told
            await asyncio.sleep(_SWEEP_SECONDS)

    async def close(self) -> None:
        self._sweeper.cancel()
        for connection in list(self.open):
            connection.leave()
        await asyncio.sleep(0)


class Connection(asyncio.Protocol):
    def __init__(self, client: Client) -> None:
        self._client = client
        self.current: Try | None = None
        self._uses, self._begun = 0, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._client.open.add(self)

    def send(self, one: Try) -> None:
        self.current, self._begun = one, False
        self._uses += 1
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(one.ask.raw)

    def leave(self) -> None:
        if one := self.current:
            self.current = None
            one.end(Outcome.LEFT)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.current is None:
            self._transport.abort()
            return
        self._begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end(Outcome.BROKEN)
            self._transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self.current is not None
        name = name.lower()
        if name == b"retry-after":
            self.current.retry_after = True
        elif name == b"set-cookie" and b"guest" in value:
            self.current.cookie = value.partition(b";")[0].decode("latin-1")

    def on_body(self, data: bytes) -> None:
        if self.current is not None and self.current.ask.order is not None:
            self.current.body += data

    def on_message_complete(self) -> None:
        one, self.current = self.current, None
        assert one is not None
        if self._parser.should_keep_alive():
            self._client.idle.append(self)
        else:
            self._transport.close()
        one.end_with(self._parser.get_status_code())

    def _end(self, outcome: Outcome) -> None:
        if one := self.current:
            self.current = None
            one.end(outcome)

    def connection_lost(self, _error: Exception | None) -> None:
        self._client.open.discard(self)
        if self in self._client.idle:
            self._client.idle.remove(self)
        if one := self.current:
            self.current = None
            if self._begun:
                one.end(Outcome.BROKEN)
            else:
                self._client.lost(one, was_used=self._uses > 1)
