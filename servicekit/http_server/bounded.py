"""uvicorn's HTTP protocol with bounds on what a connection keeps here beside its requests."""

import asyncio
import random
from contextvars import Context
from typing import Any, ClassVar, cast

from starlette.types import ASGIApp, Scope
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from servicekit.http_server.connection import Limits, OneAtATime
from servicekit.http_server.exchange import Exchange
from servicekit.http_server.health import Health


class BoundedProtocol(HttpToolsProtocol):
    """One request at a time is read ahead, none while its answers are not taken, and one whose
    client has gone is told so."""

    limits: ClassVar[Limits] = Limits()
    scope: Scope  # type: ignore[assignment]

    def __init__(self, config: Config, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self._answered_at = self.loop.time()
        self._health: Health | None = getattr(config.app, "health", None)
        max_age = self.limits.max_connection_age_seconds * random.uniform(1, 1.5)
        self._ends_at = self._answered_at + max_age
        self._write_timer: asyncio.TimerHandle | None = None
        # The one that came last, and the one that is answered.
        self.cycle: Exchange = cast(Any, None)  # type: ignore[assignment]
        self._under_way: Exchange | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = OneAtATime(transport, self.pipeline)

    @property
    def waits_since(self) -> float | None:
        """When it was made or last answered; None while a request is under way."""
        return None if self._in_flight else self._answered_at

    @property
    def _in_flight(self) -> bool:
        """Whether a request is yet to be answered."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _ends_now(self) -> bool:
        """Whether no other request is to come."""
        draining = self._health is not None and self._health.draining
        return draining or self.loop.time() >= self._ends_at

    def is_last(self, exchange: Exchange) -> bool:
        """Whether the connection is to end with the answer that begins now."""
        # RFC 9110 §10.1.1: a client that was not told to continue may send the body or not.
        unsure = exchange.waiting_for_100_continue and exchange.more_body
        return unsure or self._ends_now

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

    def start(self, exchange: Exchange, app: ASGIApp) -> None:
        """As a task with a context of its own, where no request before it left its trace."""
        self._under_way = exchange
        exchange.task = self.loop.create_task(exchange.run(app), context=Context())
        self.tasks.add(exchange.task)

    def on_body(self, body: bytes) -> None:
        exchange = self.cycle
        if not exchange.response_complete:
            exchange.body += body
            if len(exchange.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            exchange.note()

    def on_message_complete(self) -> None:
        if not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.note()

    def connection_lost(self, exc: Exception | None) -> None:
        # Others may wait behind the one that is answered.
        for exchange in (self._under_way, self.cycle):
            if exchange is not None and not exchange.response_complete:
                exchange.leave()
        self.cycle = self._under_way = cast(Any, None)
        self.resume_writing()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def on_response_complete(self) -> None:
        self._answered_at = self.loop.time()
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self.start(*cast(Any, self.pipeline.pop()))
        elif self.timeout_keep_alive_task is None:
            self._end_if_idle()

    def _end_if_idle(self) -> None:
        """Looks again when it may be: one timer for all requests, as to make and cancel one costs
        as much as to write an answer."""
        since = self.waits_since
        idle = 0.0 if since is None else self.loop.time() - since
        if idle >= self.timeout_keep_alive:
            self.transport.close()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive - idle, self._end_if_idle
            )
