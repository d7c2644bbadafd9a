"""uvicorn's HTTP protocol with bounds on what a connection keeps here beside its requests."""

import asyncio
from typing import Any, ClassVar

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from servicekit.http_server.connection import Limits, OneAtATime


class BoundedProtocol(HttpToolsProtocol):
    """One request at a time is read ahead, none while its answers are not taken, and one whose
    client has gone is told so."""

    limits: ClassVar[Limits] = Limits()

    def __init__(self, config: Config, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self._answered_at = self.loop.time()
        self._write_timer: asyncio.TimerHandle | None = None
        self._under_way: Any = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = OneAtATime(transport, self.pipeline)

    @property
    def waits_since(self) -> float | None:
        """When it was made or last answered; None while a request is under way."""
        in_flight = self.cycle is not None and not self.cycle.response_complete
        return None if in_flight else self._answered_at

    def drop(self) -> None:
        """Close it at once, with whatever its client does not take."""
        self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.flow.pause_reading()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.limits.write_timeout_seconds, self.drop)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._under_way = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn tells the request that came last; the one under way may have others behind it.
        if self._under_way is not None and not self._under_way.response_complete:
            self._under_way.disconnected = True
            self._under_way.message_event.set()
        self.resume_writing()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._answered_at = self.loop.time()
        super().on_response_complete()
