"""One request and its answer on a connection, and the answer for what never became a request."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from opentelemetry.trace import SpanKind
from starlette.types import Receive, Scope, Send
from uvicorn._types import ASGISendEvent, HTTPScope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from servicekit.problems import Problem, ProblemRenderer, ServiceUnavailable
from servicekit.telemetry.tracing import trace_response_headers, tracer

if TYPE_CHECKING:
    from servicekit.http_server.protocol import HttpProtocol

logger = logging.getLogger(__name__)


class Outlet:
    """The transport as an answer sees it; how a connection is closed is not for one answer."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


class Cycle(RequestResponseCycle):
    """Decides only with the first byte of the answer whether the connection goes on."""

    def __init__(self, connection: "HttpProtocol", scope: HTTPScope, *, keep_alive: bool) -> None:
        super().__init__(
            scope=scope,
            transport=cast(asyncio.Transport, connection.outlet),
            flow=connection.flow,
            logger=connection.logger,
            access_logger=connection.access_logger,
            access_log=False,
            default_headers=connection.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=connection.expect_100_continue,
            keep_alive=keep_alive,
            on_response=connection.on_response_complete,
        )
        self._connection = connection

    async def send(self, message: ASGISendEvent) -> None:
        if not self.response_started and (self._connection.ends_soon or self._body_is_unsure):
            self.keep_alive = False
        await super().send(message)

    @property
    def _body_is_unsure(self) -> bool:
        """RFC 9110 §10.1.1: a client that was not told to continue may send the body or not."""
        return self.waiting_for_100_continue and self.more_body

    async def send_500_response(self) -> None:
        """An exception has left even the app's own handlers; while stopping, it is the end of
        the time that was left."""
        problem: Problem = (
            ServiceUnavailable("This server is stopping.")
            if self._connection.is_draining
            else Problem("An unexpected error; the log tells more.")
        )
        response = self._connection.render_problem(cast(Scope, self.scope), problem)
        self.keep_alive = False
        await self.send(
            {
                "type": "http.response.start",
                "status": response.status_code,
                "headers": response.raw_headers,
            }
        )
        await self.send({"type": "http.response.body", "body": bytes(response.body)})


class Refusal:
    """The app for a request that no app may see. It has a trace of its own, so that the id in
    the answer is also in the log."""

    def __init__(self, problem: Problem, render: ProblemRenderer) -> None:
        self._problem, self._render = problem, render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        attributes: dict[str, str | int] = {
            "http.request.method": "_OTHER",
            "http.response.status_code": self._problem.status,
            "url.scheme": "http",
        }
        with tracer().start_as_current_span("HTTP", kind=SpanKind.SERVER, attributes=attributes):
            logger.info("refused with %d: %s", self._problem.status, self._problem.detail)
            response = self._render(scope, self._problem)
            response.headers.update(trace_response_headers())
            await response(scope, receive, send)
