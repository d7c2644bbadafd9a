"""uvicorn's HTTP protocol with limits, and strict about what a request is (decision 33)."""

import asyncio
from typing import Any, ClassVar, cast
from urllib.parse import unquote

import httptools
from uvicorn.config import Config

from servicekit.admission.arrival import note_arrival
from servicekit.admission.lag import loop_lag
from servicekit.http_server.connection import LingeringTransport
from servicekit.http_server.crowd import Crowd, Verdict
from servicekit.http_server.gated import GatedProtocol
from servicekit.http_server.problem_handlers import refusing
from servicekit.http_server.request_head import meaning_of, size_of_head
from servicekit.problems import (
    BadRequest,
    HeadersTooLarge,
    Problem,
    ServiceUnavailable,
    TooManyRequests,
)


class HttpProtocol(GatedProtocol):
    crowd: ClassVar[Crowd] = Crowd(4000)

    def __init__(self, config: Config, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self.url = b""
        self._timer: asyncio.TimerHandle | None = None
        # Whether the next byte belongs to a head or to a body, and how many came so far that
        # were neither part of a whole head nor of a body. The first one is waited for already.
        self._in_head, self._overhead = True, 1
        # Whether the head began with the piece that is read: it is then not larger than that.
        self._discards_input = self._began_here = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        seconds = self.limits.lingering_close_seconds
        lingering: Any = LingeringTransport(
            transport, seconds, has_unread=lambda: self._discards_input or not self._in_head
        )
        super().connection_made(lingering)
        self._lag = loop_lag()
        verdict = self.crowd.admit(cast(Any, self.connections), self.loop.time())
        if verdict is Verdict.DROP:
            self.drop()
        elif verdict is Verdict.TELL:
            self._refuse(ServiceUnavailable("Too many connections are open."))
        self._limit_time()

    @property
    def is_unfinished(self) -> bool:
        return self.cycle is None or self._discards_input or not self._is_between_requests

    @property
    def _is_between_requests(self) -> bool:
        return self._in_head and self._overhead == 0

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._limit_time()

    def data_received(self, data: bytes) -> None:
        if self._discards_input or self.transport.is_closing():
            return
        step = self.limits.max_header_bytes
        try:
            # All of it, which is then not copied, if it is no more.
            for start in range(0, len(data), step):
                self._feed(data[start : start + step])
        except (Problem, httptools.HttpParserError) as error:
            self._refuse(_problem_of(error))
        self._limit_time()

    def _feed(self, piece: bytes) -> None:
        self._overhead, self._began_here = self._overhead + len(piece), False
        while piece:
            try:
                self.parser.feed_data(piece)
                break
            except httptools.HttpParserUpgrade as offer:
                # Of another protocol, which a server may ignore (RFC 9110 §7.8).
                piece = piece[offer.args[0] :]
        self._start_held()
        self._require_small_head(self._overhead)

    def _require_small_head(self, size: int) -> None:
        if size > self.limits.max_header_bytes:
            raise HeadersTooLarge(f"The limit is {self.limits.max_header_bytes} bytes.")

    def on_message_begin(self) -> None:
        self._overhead, self._began_here = max(1, self._overhead), True
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_header(self, name: bytes, value: bytes) -> None:
        # A trailer must not become a header of a request that is under way.
        if self._in_head:
            if len(self.headers) >= self.limits.max_header_fields:
                raise HeadersTooLarge(f"The limit is {self.limits.max_header_fields} fields.")
            self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        headers, parser = self.headers, self.parser
        if not self._began_here:
            self._require_small_head(size_of_head(parser, self.url, headers))
        version, has_body, self.expect_100_continue = meaning_of(parser, self.url, headers)
        if len(self.pipeline) >= self.limits.max_pipelined_requests:
            raise TooManyRequests("Too many requests were sent ahead of their answers.")
        self._in_head, self._overhead = False, 0
        path, _, query = self.url.partition(b"#")[0].partition(b"?")
        text = path.decode("ascii")
        self._describe(version, unquote(text) if "%" in text else text, path, query)
        self._begin_or_refuse(has_body=has_body)

    def _describe(self, version: str, path: str, raw_path: bytes, query: bytes) -> None:
        scope = self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": self.parser.get_method().decode("ascii"),
            "root_path": "",
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
            "state": {},
        }
        note_arrival(scope, self.transport, self._lag)

    def on_body(self, body: bytes) -> None:
        self._overhead = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head, self._overhead = True, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._limit_time()

    def _limit_time(self) -> None:
        """Of what is not whole, be it a head or a body that no request waits for any more."""
        if self._is_between_requests or self._in_flight or self.transport.is_closing():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
        elif self._timer is None:
            seconds = self.limits.header_timeout_seconds
            self._timer = self.loop.call_later(seconds, self.transport.close)

    def _refuse(self, problem: Problem) -> None:
        """Answer after everything that was asked before, as the last on this connection."""
        self._discards_input, self._held = True, None
        refusal = refusing(problem, self.config.app)
        if not self._in_head:  # the fault is in the body of a request that is known already
            self.cycle.keep_alive = False
            if self.cycle.response_complete:
                self.transport.close()
            elif self.pipeline:
                self.pipeline[0] = cast(Any, (self.cycle, refusal))
            elif not self.cycle.response_started:
                self.cycle.leave()
                self.cycle = cast(Any, None)
        if self._in_head or self.cycle is None:
            # Of the head, what was whole by then; the target may be none.
            headers, path = self.headers or [], self.url.partition(b"?")[0][:200]
            self.on_message_begin()
            self.headers = headers
            self._describe("1.1", path.decode("latin-1") or "/", path, b"")
            self._begin(refusal, ends=True)


def _problem_of(error: Exception) -> Problem:
    # What a callback raises is the context of the parser's own exception.
    cause = error.__context__ or error
    if isinstance(cause, httptools.HttpParserError):
        return BadRequest(f"The request is malformed: {cause}.")
    if isinstance(cause, Problem):
        return cause
    raise cause
