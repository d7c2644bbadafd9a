"""The life of one connection: how long it may take to ask, to wait and to say good-bye."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from servicekit.http_server.health import Health
from servicekit.http_server.response_cycle import Cycle, Outlet
from servicekit.problems import ProblemRenderer, problem_response


@dataclass(frozen=True)
class Limits:
    """What one connection may take."""

    # Request line and headers; also all that surrounds a chunked body: sizes, trailers.
    header_bytes: int = 16 * 1024
    # From the first byte of a request, or from the connection on, to the end of its headers.
    header_seconds: float = 10
    # A connection ends with the first answer after this, or up to half as much more: clients
    # then look again for who is there, and not all at once.
    age_seconds: float = 10
    # From the end of the last answer on: how long the client may take to read it.
    farewell_seconds: float = 10
    # Requests sent ahead of their answers (RFC 9112 §9.3.2).
    waiting_requests: int = 32


class Connection(HttpToolsProtocol):
    """Everything about a connection but what is read from it."""

    limits: ClassVar[Limits] = Limits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.url = b""
        self._health: Health | None = getattr(config.app, "health", None)
        # How the app shows what no request of it has become.
        self.render_problem: ProblemRenderer = getattr(
            config.app, "render_problem", problem_response
        )
        self._old_at = self.loop.time() + self.limits.age_seconds * random.uniform(1, 1.5)
        self._timer: asyncio.TimerHandle | None = None
        # Whether the next byte belongs to a head or to a body, and how many came so far that
        # were neither part of a whole head nor of a body.
        self._in_head = True
        self._overhead = 0
        # What still comes is thrown away.
        self._done_reading = False
        self._ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.outlet = Outlet(transport, self._end)
        self._call_later(self.limits.header_seconds, self._on_late)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._stop_timer()

    @property
    def is_draining(self) -> bool:
        return self._health is not None and self._health.draining

    @property
    def ends_soon(self) -> bool:
        """True if the next answer must be the last."""
        return self.is_draining or self.loop.time() >= self._old_at

    @property
    def _in_flight(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _begin(self, cycle: Cycle, app: ASGI3Application) -> None:
        """Start the request, or let it wait for the answers before."""
        before, self.cycle = self.cycle, cycle
        if before is None or before.response_complete or before.disconnected:
            self._start_asgi_task(cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, app))

    def on_response_complete(self) -> None:
        if self._ended:
            self.server_state.total_requests += 1
            return
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        """Let no head take for ever, nor a body that no request waits for any more."""
        unfinished = self._overhead > 0 if self._in_head else not self._in_flight
        if not unfinished:
            self._stop_timer()
        elif self._timer is None:
            self._call_later(self.limits.header_seconds, self._on_late)

    def _on_late(self) -> None:
        if self._in_flight:
            self._done_reading = True
            self.cycle.keep_alive = False
        else:
            self._end()

    def timeout_keep_alive_handler(self) -> None:
        self._end()

    def shutdown(self) -> None:
        """End as soon as what was asked is answered."""
        if self._in_flight:
            self.cycle.keep_alive = False
        else:
            self.transport.close()

    def _end(self) -> None:
        """Close without losing the last answer: a socket that is closed with bytes unread sends
        a reset, which may overtake what was written before (RFC 9112 §9.6)."""
        if self._ended or self.transport.is_closing():
            return
        self._ended = True
        self._stop_timer()
        if self._in_head and not self._done_reading:
            self.transport.close()
        else:
            self.flow.resume_reading()
            self.transport.write_eof()
        self._call_later(self.limits.farewell_seconds, self.transport.abort)

    def _call_later(self, seconds: float, function: Callable[[], object]) -> None:
        self._timer = self.loop.call_later(seconds, function)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
