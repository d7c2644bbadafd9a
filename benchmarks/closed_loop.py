"""A closed-loop load generator that costs little: each connection sends its next request once
the answer to the last one is there, so its figures are rates at saturation."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

# After the end of the measurement, for the last answers.
_LAST_ANSWERS_SECONDS = 20
_MOST_ANSWERS = 1_000_000


class LoadFailed(Exception):
    """The target did not answer as it should, so that there is nothing to compare."""


@dataclass(frozen=True)
class Target:
    """One URL on this machine, the headers that its clients send, and the processes whose work
    the answers are. It is asked with GET, or with POST and what `next_body` returns: what else has
    to be in the head, and the body."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    pids: tuple[int, ...] = ()
    next_body: Callable[[], tuple[dict[str, str], bytes]] | None = None
    # Of every answer.
    status: int = 200

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        if parts.hostname != "127.0.0.1" or parts.port is None:
            raise LoadFailed(f"{self.url}: load is for 127.0.0.1 only")
        return parts.hostname, parts.port

    def requests(self) -> Callable[[], bytes]:
        """What the connections send, one after the other."""
        if self.next_body is None:
            request = self._request("GET", {})
            return lambda: request
        make = self.next_body

        def post() -> bytes:
            headers, body = make()
            return self._request("POST", headers | {"Content-Length": str(len(body))}) + body

        return post

    def _request(self, method: str, added: dict[str, str]) -> bytes:
        parts = urlsplit(self.url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {"Host": parts.netloc, "Accept": "*/*", **self.headers, **added}
        lines = [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1")


@dataclass(frozen=True)
class Measured:
    answers: int
    seconds: float
    # How long each answer took, in seconds, in ascending order.
    latencies: tuple[float, ...] = ()

    def percentile(self, percent: float) -> float:
        return self.latencies[int((len(self.latencies) - 1) * percent / 100)]


def measure(target: Target, *, connections: int, seconds: float) -> Measured:
    """Raises LoadFailed if one of the answers has another status than the target's."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Run(target).go(connections, seconds))


class _Run:
    def __init__(self, target: Target) -> None:
        self.url, self.address, self.status = target.url, target.address, target.status
        self.next_request = target.requests()
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.over = False
        self._due = False
        self._ended_at = 0.0
        self._connected = 0
        self._empty = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: OSError | None = None

    async def go(self, connections: int, seconds: float) -> Measured:
        began = time.perf_counter()
        for _ in range(connections):
            self.connect()
        asyncio.get_running_loop().call_later(seconds, self._end)
        try:
            await asyncio.wait_for(self._empty.wait(), seconds + _LAST_ANSWERS_SECONDS)
        except TimeoutError:
            raise LoadFailed(f"{self.url} stopped answering") from None
        if self._fault is not None:
            raise LoadFailed(f"{self.url}: {self._fault}")
        if set(self.statuses) != {self.status}:
            raise LoadFailed(f"{self.url} answered {dict(self.statuses)} (status: times)")
        latencies = tuple(sorted(self.latencies))
        return Measured(len(latencies), self._ended_at - began, latencies)

    def _end(self) -> None:
        """A rate needs an answer: where none came in time, the first one ends the measurement."""
        self._due = True
        if self.latencies:
            self.stop()

    def stop(self) -> None:
        """Count no more; connections close with their next answer."""
        if not self.over:
            self.over, self._ended_at = True, time.perf_counter()

    def count(self, status: int, seconds: float) -> None:
        if self.over:
            return
        self.statuses[status] += 1
        self.latencies.append(seconds)
        if self._due or self.statuses[status] >= _MOST_ANSWERS:
            self.stop()

    def connect(self) -> None:
        self._connected += 1
        task = asyncio.ensure_future(self._connect())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Connection(self), *self.address)
        except OSError as error:
            self._fault = error
            self.stop()
            self.disconnected()

    def disconnected(self) -> None:
        self._connected -= 1
        if not self.over:
            self.connect()  # servers close connections that grew old
        elif not self._connected:
            self._empty.set()


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send_next()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        run = self._run
        run.count(self._parser.get_status_code(), time.perf_counter() - self._sent_at)
        if run.over or not self._parser.should_keep_alive():
            self._transport.close()
        else:
            self._send_next()

    def _send_next(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._run.next_request())

    def connection_lost(self, _error: Exception | None) -> None:
        self._run.disconnected()
