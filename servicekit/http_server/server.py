"""A server of uvicorn's protocol with an ordered end: drain, finish, cut, close."""

import asyncio
import gc
import logging
import select
import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from email.utils import formatdate
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState

from contracts.telemetry import EVENT_LOOP_LAG
from servicekit.http_server.listener import Listener
from servicekit.http_server.protocol import HttpProtocol
from servicekit.http_server.service import ServedApp, warm_up
from servicekit.settings import ServiceSettings
from servicekit.signals import not_ignored
from servicekit.telemetry.metrics import create_histogram

logger = logging.getLogger(__name__)

# Of the date in answers.
_TICK_SECONDS = 0.1
_LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
# Of the loop, to accept what waits.
_TURNS = 100
# For the first request of a connection that was taken at the last moment.
_FIRST_REQUEST_SECONDS = 0.2
# For requests that were cut to answer that, and at least so long for the lifespan to close.
_CUT_SECONDS = 2.0
_CLOSE_SECONDS = 5.0


class CannotListen(Exception):
    """The address is taken, or not one of this machine."""


class DrainingServer:
    """Calls `on_stuck`, in a thread of its own, if a handler blocks the event loop for so long
    that the end does not come."""

    def __init__(
        self,
        app: ServedApp,
        config: uvicorn.Config,
        settings: ServiceSettings,
        on_stuck: Callable[[], None],
    ) -> None:
        self._app, self._config, self._on_stuck = app, config, on_stuck
        self._drain_seconds = settings.drain_seconds
        self._shutdown_seconds = settings.shutdown_seconds
        self._state = ServerState()
        self._drained_at = float("inf")
        self._stopping = threading.Event()
        self.started = False
        # True if something goes on that would not be ended: do not wait for it.
        self.has_leftovers = False

    def run_until_stopped(self) -> None:
        # For good: a late signal must not break off the flush of telemetry.
        for number in not_ignored(signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        threading.Thread(target=self._watch_the_end, daemon=True).start()
        runner = asyncio.Runner(loop_factory=self._config.get_loop_factory())
        try:
            runner.run(self._serve())
        finally:
            if not self.has_leftovers:
                runner.close()

    def _on_signal(self, *_: object) -> None:
        # No more than flags: the main thread may hold any lock when the signal comes.
        drain_seconds = 0 if self._stopping.is_set() else self._drain_seconds
        self._drained_at = time.monotonic() + drain_seconds
        self._app.health.start_draining()
        self._stopping.set()

    def _watch_the_end(self) -> None:
        self._stopping.wait()
        time.sleep(self._drain_seconds + self._shutdown_seconds + 2 * _CUT_SECONDS + _CLOSE_SECONDS)
        self._on_stuck()

    async def _serve(self) -> None:
        """Take the address, let the app open what it needs, then take connections."""
        listener, resources = await self._take_address(), AsyncExitStack()
        try:
            await resources.enter_async_context(self._app.lifespan())
            await warm_up(self._app)
            listener.start()
            # What was made until now stays: the collector need not look at it again, nor so often.
            # It has not looked yet either: of 300 000 objects some hundreds could go.
            gc.freeze()
            gc.set_threshold(20_000, 20, 50)
            gc.enable()
            self.started = True
            logger.info("started", extra={"host": self._config.host, "port": self._config.port})
            lag = create_histogram(EVENT_LOOP_LAG, _LAG_SECONDS)
            while time.monotonic() < self._drained_at:
                self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
                due = time.monotonic() + _TICK_SECONDS
                await asyncio.sleep(_TICK_SECONDS)
                lag.record(max(0.0, time.monotonic() - due))
            await _until_accepted(listener.sockets)
        finally:
            listener.close()
        await self._stop(resources)

    async def _take_address(self) -> Listener:
        create = partial(HttpProtocol, self._config, self._state, {})
        host, port = self._config.host, self._config.port
        try:
            return await Listener.take_address(host, port, create)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise CannotListen(f"on {host}, port {port}: {why}") from error

    async def _stop(self, resources: AsyncExitStack) -> None:
        state, end = self._state, time.monotonic() + self._shutdown_seconds
        before = state.total_requests
        await self._let_first_requests_come()
        self._close_idle_connections()
        await self._until_idle(end)
        counts = {"answered": state.total_requests, "finished": state.total_requests - before}
        cut = self._unfinished()
        for task in cut:
            task.cancel()
        if cut:
            await self._until_idle(time.monotonic() + _CUT_SECONDS)
        for connection in list(state.connections):
            connection.transport.abort()
        self.has_leftovers = bool(self._unfinished())
        await self._close(resources, max(_CLOSE_SECONDS, end - time.monotonic()))
        logger.info("stopped", extra={**counts, "cut": len(cut)})

    async def _let_first_requests_come(self) -> None:
        deadline = time.monotonic() + _FIRST_REQUEST_SECONDS
        # Two turns of the loop: what was accepted in the last one is not among them before.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        while any(cast(HttpProtocol, one).cycle is None for one in self._state.connections):
            if time.monotonic() >= deadline:
                return
            await asyncio.sleep(0.02)

    def _close_idle_connections(self) -> None:
        """But those that a request has just reached: a socket that is closed with bytes unread
        sends a reset, and its client cannot know whether an order was taken. They are answered,
        and end with that."""
        connections = {
            _descriptor(one.transport): one
            for one in cast(set[HttpProtocol], self._state.connections)
        }
        for unread in _readable(connections):
            del connections[unread]
        for connection in connections.values():
            connection.shutdown()

    async def _close(self, resources: AsyncExitStack, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await resources.aclose()
        except TimeoutError:
            logger.error("resources are not closed within %.0f s", seconds)
            self.has_leftovers = True

    def _unfinished(self) -> list[asyncio.Task[None]]:
        # One that is cancelled before it begins cannot take itself from the set.
        return [task for task in self._state.tasks if not task.done()]

    async def _until_idle(self, deadline: float) -> None:
        while self._state.connections or self._unfinished():
            if time.monotonic() >= deadline:
                return
            await asyncio.sleep(0.02)


async def _until_accepted(sockets: Iterable[Any]) -> None:
    """Until the loop has accepted every connection that the kernel has completed: closing a
    socket resets those that wait in its queue, whose clients may have sent their requests."""
    descriptors = [one.fileno() for one in sockets]
    for _ in range(_TURNS):
        if not _readable(descriptors):
            return
        await asyncio.sleep(0)


def _readable(descriptors: Iterable[int]) -> list[int]:
    poll = select.poll()
    for descriptor in descriptors:
        if descriptor >= 0:
            poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(0)]


def _descriptor(transport: asyncio.Transport) -> int:
    """-1 of one that is closed."""
    number: int = transport.get_extra_info("socket").fileno()
    return number
