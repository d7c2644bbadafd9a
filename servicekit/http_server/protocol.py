"""uvicorn's HTTP protocol, strict about what a request is and how large its head may be.

docs/decisions/0009 tells what stock uvicorn does instead.
"""

import logging
from typing import cast

import httptools
from uvicorn._types import ASGI3Application, HTTPScope

from servicekit.http_server.connection import Connection
from servicekit.http_server.request_head import (
    read_target,
    require_sound_head,
    size_of_head,
    without_upgrade,
)
from servicekit.http_server.response_cycle import Cycle, Refusal
from servicekit.problems import BadRequest, HeadersTooLarge, Problem, TooManyRequests

logger = logging.getLogger(__name__)


class HttpProtocol(Connection):
    def data_received(self, data: bytes) -> None:
        if self._done_reading or self._ended:
            return
        self._unset_keepalive_if_required()
        try:
            while data:
                piece, data = self._take(data)
                self._feed(piece)
        except Problem as problem:
            self._refuse(problem)
        except httptools.HttpParserError as error:
            self._refuse(_problem_of(error))
        else:
            self._watch()

    def _take(self, data: bytes) -> tuple[bytes, bytes]:
        """As much as may be read before the limit is looked at again, and the rest."""
        room = self.limits.header_bytes - self._overhead
        if room <= 0:
            raise HeadersTooLarge(f"The limit is {self.limits.header_bytes} bytes.")
        piece = data[:room]
        self._overhead += len(piece)
        return piece, data[room:]

    def _feed(self, piece: bytes) -> None:
        while piece:
            try:
                self.parser.feed_data(piece)
                return
            except httptools.HttpParserUpgrade as offer:
                method = self.parser.get_method()
                if method == b"CONNECT":
                    raise BadRequest("This server opens no tunnels.") from None
                # The parser skips the body as if the offer had been accepted; its bytes would
                # be read as the next request. Read the request again, without the offer.
                version = self.parser.get_http_version().encode()
                request_line = b"%b %b HTTP/%b" % (method, self.url, version)
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self.parser.feed_data(without_upgrade(request_line, self.headers))
                piece = piece[offer.args[0] :]

    def on_message_begin(self) -> None:
        self._overhead = max(1, self._overhead)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # A trailer must not become a header of a request that is under way.
        if self._in_head:
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        # `_overhead` misses what was read together with the end of the request before.
        if size_of_head(self.url, self.headers) > self.limits.header_bytes:
            raise HeadersTooLarge(f"The limit is {self.limits.header_bytes} bytes.")
        version = self.parser.get_http_version()
        require_sound_head(version, self.headers)
        target = read_target(self.url)
        if target.host is not None:
            self.headers[:] = [pair for pair in self.headers if pair[0] != b"host"]
            self.headers.append((b"host", target.host))
        if len(self.pipeline) >= self.limits.waiting_requests:
            raise TooManyRequests("Too many requests were sent ahead of their answers.")
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["http_version"] = version
        self.scope["path"] = target.path
        self.scope["raw_path"] = target.raw_path
        self.scope["query_string"] = target.query
        keep_alive = version == "1.1" and self.parser.should_keep_alive()
        self._in_head = False
        self._overhead = 0
        self._begin(Cycle(self, self.scope, keep_alive=keep_alive), self.app)

    def on_body(self, body: bytes) -> None:
        # Chunks of one byte have five bytes around each.
        self._overhead = max(0, self._overhead - 8 * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._in_head = True
        self._overhead = 0
        super().on_message_complete()

    def _refuse(self, problem: Problem) -> None:
        """Answer after everything that was asked before, as the last on this connection."""
        self._done_reading = True
        self._stop_timer()
        refusal = cast(ASGI3Application, Refusal(problem, self.render_problem))
        if self._in_head or self._takes_over(refusal):
            scope = {
                "type": "http",
                "method": self.parser.get_method().decode("ascii"),
                "path": self.url.partition(b"?")[0][:200].decode("latin-1") or "/",
                "query_string": b"",
                # Those that were whole by then.
                "headers": self.headers or [],
            }
            self._begin(Cycle(self, cast(HTTPScope, scope), keep_alive=False), refusal)

    def _takes_over(self, refusal: ASGI3Application) -> bool:
        """For a fault in the body of a request that is known already. True if it is to be
        answered by the refusal alone, from now on."""
        self.cycle.keep_alive = False
        if self.cycle.response_complete:
            self._end()
        elif self.pipeline:
            self.pipeline[0] = (self.cycle, refusal)
        elif not self.cycle.response_started:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            return True
        return False


def _problem_of(error: httptools.HttpParserError) -> Problem:
    cause = error.__context__
    if isinstance(cause, Problem):
        return cause
    if cause is not None:
        logger.error("cannot read a request", exc_info=cause)
    return BadRequest(f"The request is malformed: {error}.")
