"""uvicorn's HTTP protocol with limits, and strict about what a request is (decision 33)."""

import asyncio
import random
from typing import Any, ClassVar, cast

import httptools
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from servicekit.admission.arrival import note_arrival
from servicekit.http_server.connection import Limits, LingeringTransport, OneAtATime
from servicekit.http_server.crowd import Crowd, Verdict
from servicekit.http_server.early_answer import Gate, has_body
from servicekit.http_server.health import Health
from servicekit.http_server.problem_handlers import refusing
from servicekit.http_server.request_head import require_sound_head, size_of_head
from servicekit.problems import (
    BadRequest,
    HeadersTooLarge,
    Problem,
    ServiceUnavailable,
    TooManyRequests,
)


class HttpProtocol(HttpToolsProtocol):
    limits: ClassVar[Limits] = Limits()
    crowd: ClassVar[Crowd] = Crowd(1000)

    def __init__(self, config: Config, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self._service, self.app = cast(ASGIApp, self.app), cast(Any, self._call_service)
        self.url = b""
        self._health: Health | None = getattr(config.app, "health", None)
        max_age = self.limits.max_connection_age_seconds * random.uniform(1, 1.5)
        self._ends_at = self.loop.time() + max_age
        self._timer: asyncio.TimerHandle | None = None
        # Whether the next byte belongs to a head or to a body, and how many came so far that
        # were neither part of a whole head nor of a body. The first one is waited for already.
        self._in_head, self._overhead = True, 1
        self._discards_input = False
        self._answered_at = self.loop.time()
        self._write_timer: asyncio.TimerHandle | None = None
        self._under_way: Any = None
        # Asked before a request becomes a task; what it has answered by itself, only the rest of
        # its message is yet to come.
        self._gate: Gate | None = getattr(config.app, "gate", None)
        self._is_answered = self._ends_here = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        seconds = self.limits.lingering_close_seconds
        lingering: Any = LingeringTransport(
            transport, seconds, has_unread=lambda: self._discards_input or not self._in_head
        )
        super().connection_made(lingering)
        self.flow = OneAtATime(lingering, self.pipeline)
        verdict = self.crowd.admit(cast(Any, self.connections), self.loop.time())
        if verdict is Verdict.DROP:
            self.drop()
        elif verdict is Verdict.TELL:
            self._refuse(ServiceUnavailable("Too many connections are open."))
        self._limit_time()

    @property
    def waits_since(self) -> float | None:
        in_flight = self.cycle is not None and not self.cycle.response_complete
        return None if in_flight else self._answered_at

    @property
    def is_unfinished(self) -> bool:
        return self.cycle is None or self._discards_input or not self._is_between_requests

    @property
    def _is_between_requests(self) -> bool:
        return self._in_head and self._overhead == 0

    def drop(self) -> None:
        self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.limits.write_timeout_seconds, self.drop)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

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
        self._unset_keepalive_if_required()
        self._limit_time()

    def data_received(self, data: bytes) -> None:
        if self._discards_input or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        step = self.limits.max_header_bytes
        try:
            for start in range(0, len(data), step):
                self._feed(data[start : start + step])
        except (Problem, httptools.HttpParserError) as error:
            self._refuse(_problem_of(error))
        self._limit_time()

    def _feed(self, piece: bytes) -> None:
        self._overhead += len(piece)
        while piece:
            try:
                self.parser.feed_data(piece)
                break
            except httptools.HttpParserUpgrade as offer:
                # Of another protocol, which a server may ignore (RFC 9110 §7.8).
                piece = piece[offer.args[0] :]
        self._require_small_head(self._overhead)

    def _require_small_head(self, size: int) -> None:
        if size > self.limits.max_header_bytes:
            raise HeadersTooLarge(f"The limit is {self.limits.max_header_bytes} bytes.")

    def on_message_begin(self) -> None:
        self._overhead = max(1, self._overhead)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # A trailer must not become a header of a request that is under way.
        if self._in_head:
            if len(self.headers) >= self.limits.max_header_fields:
                raise HeadersTooLarge(f"The limit is {self.limits.max_header_fields} fields.")
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        self._require_small_head(size_of_head(self.parser, self.url, self.headers))
        require_sound_head(self.parser, self.url, self.headers)
        if len(self.pipeline) >= self.limits.max_pipelined_requests:
            raise TooManyRequests("Too many requests were sent ahead of their answers.")
        self._in_head, self._overhead = False, 0
        note_arrival(cast(Scope, self.scope), self.transport)
        if self._gate is None or not self._answer_early(self._gate):
            super().on_headers_complete()

    def _answer_early(self, gate: Gate) -> bool:
        """Not for a request that has a body, or others before it that are to be answered first."""
        is_free = self.cycle is None or self.cycle.response_complete
        method = self.parser.get_method()
        if not is_free or has_body(self.headers):
            return False
        early = gate(method, self.url, cast(Scope, self.scope))
        if early is None:
            return False
        draining = self._health is not None and self._health.draining
        kept = self.parser.should_keep_alive() and self.parser.get_http_version() == "1.1"
        self._ends_here = draining or not kept or self.loop.time() >= self._ends_at
        own = [*self.server_state.default_headers]
        own += [(b"connection", b"close")] if self._ends_here else []
        self.transport.write(early.encode(own, is_head=method == b"HEAD"))
        self._is_answered = True
        return True

    def on_body(self, body: bytes) -> None:
        self._overhead = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head, self._overhead = True, 0
        if not self._is_answered:
            super().on_message_complete()
            return
        self._is_answered = False
        self.on_response_complete()
        if self._ends_here:
            self.transport.close()

    def on_response_complete(self) -> None:
        self._answered_at = self.loop.time()
        super().on_response_complete()
        self._limit_time()

    def _limit_time(self) -> None:
        """Of what is not whole, be it a head or a body that no request waits for any more."""
        in_flight = self.cycle is not None and not self.cycle.response_complete
        if self._is_between_requests or in_flight or self.transport.is_closing():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
        elif self._timer is None:
            seconds = self.limits.header_timeout_seconds
            self._timer = self.loop.call_later(seconds, self.transport.close)

    async def _call_service(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_end(message: Message) -> None:
            if message["type"] == "http.response.start" and self._is_last(scope):
                headers = [*message.get("headers", ()), (b"connection", b"close")]
                message = {**message, "headers": headers}
            await send(message)

        await self._service(scope, receive, send_and_end)

    def _is_last(self, scope: Scope) -> bool:
        """Whether the connection is to end with the answer that begins now."""
        cycle, health = cast(Any, self.cycle), self._health
        # RFC 9110 §10.1.1: a client that was not told to continue may send the body or not.
        unsure = cycle.scope is scope and cycle.waiting_for_100_continue and cycle.more_body
        draining = health is not None and health.draining
        return draining or unsure or self.loop.time() >= self._ends_at

    def _refuse(self, problem: Problem) -> None:
        """Answer after everything that was asked before, as the last on this connection."""
        self._discards_input = True
        refusal: Any = refusing(problem, self.config.app)
        if not self._in_head:  # the fault is in the body of a request that is known already
            self.cycle.keep_alive = False
            if self.cycle.response_complete:
                self.transport.close()
            elif self.pipeline:
                self.pipeline[0] = (self.cycle, refusal)
            elif not self.cycle.response_started:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
                self.cycle = cast(Any, None)
        if self._in_head or self.cycle is None:
            # Of the head, what was whole by then; the target may be none.
            headers, path = self.headers or [], self.url.partition(b"?")[0][:200]
            self.on_message_begin()
            self.app, self.url = refusal, b"/"
            super().on_headers_complete()
            self.cycle.keep_alive = False
            self.scope["headers"], self.scope["path"] = headers, path.decode("latin-1") or "/"


def _problem_of(error: Exception) -> Problem:
    # What a callback raises is the context of the parser's own exception.
    cause = error.__context__ or error
    if isinstance(cause, httptools.HttpParserError):
        return BadRequest(f"The request is malformed: {cause}.")
    if isinstance(cause, Problem):
        return cause
    raise cause
