"""What surrounds the handling of a request, in one layer: trace, deadline, problems, HEAD."""

import asyncio
import logging
from collections.abc import Collection

from opentelemetry import trace
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from servicekit.admission.arrival import age_of, is_gone
from servicekit.deadline import budget_of, within
from servicekit.http_server.allowed_hosts import host_name_of
from servicekit.http_server.problem_handlers import problem_from
from servicekit.problems import (
    DeadlinePassed,
    MisdirectedRequest,
    Problem,
    ProblemRenderer,
    ServiceUnavailable,
    problem_response,
)
from servicekit.telemetry.server_spans import Answer, ServerTelemetry

PROBES = ("/healthz", "/readyz")
# In a scope: seconds that its route has, where that is less.
TIMEOUT = "arloji.timeout"

logger = logging.getLogger(__name__)


class RequestWrapper:
    """Turns every exception of the app beneath it into an answer, pure ASGI parts included.

    An unexpected one is logged with its stack, inside its trace, and answered without any of
    it. If the answer has begun already, the exception goes on: a cut connection is then the
    honest end.

    A request ends with `DeadlinePassed` at the earlier of `timeout_seconds` and the caller's
    budget. What it interrupts is cancelled. HEAD is answered wherever GET is (RFC 9110 §9.3.2);
    the server drops the body. Hosts other than `hosts`, if any are given, are refused. Without
    `telemetry` the span is somebody else's; probes have none.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        timeout_seconds: float,
        render: ProblemRenderer = problem_response,
        hosts: Collection[str] = (),
        telemetry: ServerTelemetry | None = None,
    ) -> None:
        self._app, self._timeout_seconds = app, timeout_seconds
        self._render, self._hosts, self._telemetry = render, hosts, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        traced = self._telemetry is not None and scope["path"] not in PROBES
        answer = self._telemetry.begin(scope, send) if traced and self._telemetry else Answer(send)
        try:
            try:
                self._require_known_host(scope)
                asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
                try:
                    with within(self._seconds_left(scope)):
                        await self._app(asked, receive, answer.send)
                finally:
                    answer.note_route(asked)
            except (Exception, asyncio.CancelledError) as error:
                await self._explain(error, answer, scope, receive)
        except Exception as error:
            answer.fail(error)
            raise
        finally:
            answer.end()

    def _seconds_left(self, scope: Scope) -> float:
        """Its time runs since it came. Who has none left is told so before anything is done, and
        for who has left nothing is."""
        age, limit = age_of(scope), float(scope.get(TIMEOUT, self._timeout_seconds))
        left = min(self._timeout_seconds, limit, budget_of(scope)) - age
        if is_gone(scope, age):
            raise ClientDisconnect
        if left <= 0:
            raise DeadlinePassed("The deadline passed before the work began.")
        return left

    def _require_known_host(self, scope: Scope) -> None:
        if self._hosts and host_name_of(scope) not in self._hosts:
            raise MisdirectedRequest(
                "This service is asked from its own machine only, by a loopback name."
            )

    async def _explain(
        self, error: BaseException, answer: Answer, scope: Scope, receive: Receive
    ) -> None:
        """Answer with the problem that it stands for; raise it if an answer has begun."""
        if isinstance(error, ClientDisconnect):
            logger.info("the client left before its request was whole")
            return
        if answer.started:
            raise error
        if isinstance(error, Exception):
            problem = problem_from(error)
        else:
            # Cancelled by the server, when the time that it has left for requests is over.
            problem = ServiceUnavailable("This server is stopping.")
        if type(problem) is Problem:
            logger.error("unexpected error", exc_info=error)
            trace.get_current_span().record_exception(error)
        await self._render(scope, problem)(scope, receive, answer.send)
