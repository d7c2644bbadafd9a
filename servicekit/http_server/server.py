"""uvicorn's server with an ordered end: drain, finish, cut, close; and no signal raised after."""

import asyncio
import gc
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from servicekit.http_server.health import Health
from servicekit.http_server.lifespan import Lifespan
from servicekit.http_server.protocol import HttpProtocol
from servicekit.signals import heeded

logger = logging.getLogger(__name__)

# For requests that were cut to answer that, and at least so long for the lifespan to close.
_CUT_SECONDS = 2.0
_CLOSE_SECONDS = 5.0


class CannotListen(Exception):
    """The address is taken, or not one of this machine."""


class DrainingServer(uvicorn.Server):
    """Calls `on_stuck`, in a thread of its own, if a handler blocks the event loop for so long
    that the end does not come."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        health: Health,
        drain_seconds: float,
        shutdown_seconds: float,
        on_stuck: Callable[[], None],
    ) -> None:
        super().__init__(config)
        config.load()
        config.lifespan_class = Lifespan
        self._health, self._on_stuck = health, on_stuck
        self._drain_seconds, self._shutdown_seconds = drain_seconds, shutdown_seconds
        self._drained_at: float | None = None
        self._asked_to_stop = threading.Event()
        # True if something goes on that would not be ended: do not wait for it.
        self.has_leftovers = False

    def run_until_stopped(self) -> None:
        threading.Thread(target=self._guard_the_end, daemon=True).start()
        runner = asyncio.Runner(loop_factory=self.config.get_loop_factory())
        try:
            runner.run(self.serve())
        finally:
            if not self.has_leftovers:
                runner.close()

    def _guard_the_end(self) -> None:
        self._asked_to_stop.wait()
        time.sleep(self._drain_seconds + self._shutdown_seconds + 2 * _CUT_SECONDS + _CLOSE_SECONDS)
        self._on_stuck()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """For good: a late signal must not break off the flush of telemetry."""
        for number in heeded(signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # No more than flags: the main thread may hold any lock when the signal comes.
        if self._drained_at is not None:
            self._drained_at = 0.0
            return
        self._health.start_draining()
        self._drained_at = time.monotonic() + self._drain_seconds
        self._asked_to_stop.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take the address, then let the app open what it needs, then take connections."""
        config = self.config
        try:
            listener = await asyncio.get_running_loop().create_server(
                self._create_protocol,
                config.host,
                config.port,
                backlog=config.backlog,
                start_serving=False,
            )
        except OSError as error:
            raise CannotListen(f"on {config.host}, port {config.port}: {error}") from error
        self.servers = [listener]
        try:
            await self.lifespan.startup()
            await listener.start_serving()
        except BaseException:
            listener.close()
            raise
        # What is alive now stays: the collector need not look at it again, nor so often.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        self.started = True
        logger.info("started", extra={"host": config.host, "port": config.port})

    def _create_protocol(self) -> asyncio.Protocol:
        return HttpProtocol(self.config, self.server_state, self.lifespan.state)

    async def on_tick(self, counter: int) -> bool:
        await super().on_tick(counter)
        return self._drained_at is not None and time.monotonic() >= self._drained_at

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        state, end = self.server_state, time.monotonic() + self._shutdown_seconds
        before = state.total_requests
        for listener in self.servers:
            listener.close()
        for connection in list(state.connections):
            connection.shutdown()
        await self._until_idle(self._shutdown_seconds)
        finished = state.total_requests - before
        cut = await self._cut()
        await self._close(max(_CLOSE_SECONDS, end - time.monotonic()))
        counts = {"answered": before + finished, "finished": finished, "cut": cut}
        logger.info("stopped", extra=counts)

    async def _until_idle(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.server_state.connections or self.server_state.tasks:
            if time.monotonic() >= deadline:
                return
            await asyncio.sleep(0.02)

    async def _cut(self) -> int:
        """Cancel what still runs; how many requests that were."""
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await self._until_idle(_CUT_SECONDS)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        self.has_leftovers = bool(self.server_state.tasks)
        return len(tasks)

    async def _close(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.lifespan.shutdown()
        except TimeoutError:
            logger.error("resources are not closed within %.0f s", seconds)
            self.has_leftovers = True
