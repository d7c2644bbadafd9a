"""The frontend's admission control, before everything else: a request that is rejected has cost no
more than its parsing. Pages cost the most CPU of the whole shop, and here a rejection is the
cheapest."""

import time
from collections.abc import Callable

from opentelemetry import trace
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.route_classes import UPSTREAM_OF, RouteClass
from servicekit.admission.arrival import age_of, arrival_of, is_gone
from servicekit.admission.control import AdmissionControl
from servicekit.admission.limiter import (
    DEADLINE,
    LEFT,
    LIMIT,
    ConcurrencyLimiter,
    Permit,
    PriorityClass,
    Rejected,
)
from servicekit.http_server.body import whole_body
from servicekit.http_server.early_answer import EarlyAnswer, has_body
from servicekit.problems import DeadlinePassed, ServiceUnavailable
from servicekit.telemetry.server_spans import EXPOSED, ServerTelemetry
from services.frontend.rejections import Rejections
from services.frontend.request_class import class_of

_SPANS_PER_SECOND = 10
_PERMIT = "arloji.permit"
_EXPOSED_LINE = b"%b: %b\r\n" % EXPOSED
# In a `traceresponse`.
_TRACE_ID = slice(3, 35)


class FrontAdmission:
    """`control_of` gives the control once it is open."""

    def __init__(self, control_of: Callable[[], AdmissionControl], rejections: Rejections) -> None:
        self._control_of, self._rejections = control_of, rejections
        self._telemetry = ServerTelemetry()
        self._spans_left, self._spans_since = _SPANS_PER_SECOND, 0.0

    def gate(self, method: bytes, target: bytes, scope: Scope) -> EarlyAnswer | None:
        """Asked as soon as a request is read, so that what is under way is counted from then on: a
        loop may read hundreds of requests before it begins the first."""
        path, verb = target.partition(b"?")[0].decode("latin-1"), method.decode("ascii")
        kind = class_of(verb, path)
        if kind is None:
            return None
        control = self._control_of()
        limiter = control[UPSTREAM_OF[kind]]
        of_class = limiter.classes[kind]
        try:
            admitted = limiter.try_acquire(of_class)
            if admitted or limiter.may_wait(of_class):
                scope[_PERMIT] = Permit(limiter, of_class, is_admitted=admitted)
                return None
            reason = LIMIT
        except Rejected as rejected:
            reason = rejected.reason
        if self._takes_span():
            return None  # to be rejected as a whole request
        control.count(UPSTREAM_OF[kind], kind, reason)
        status = DeadlinePassed.status if reason == DEADLINE else ServiceUnavailable.status
        traced = self._telemetry.count_early(verb, status, age_of(scope))
        shown = self._rejections.show(scope["headers"], path, status, traced[_TRACE_ID])
        head = b"%btraceresponse: %b\r\n%b" % (shown.head, traced, _EXPOSED_LINE)
        return EarlyAnswer(status, head, shown.body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        """What is admitted goes to `app`."""
        kind = class_of(scope["method"], scope["path"])
        permit: Permit | None = scope.pop(_PERMIT, None)
        if kind is None:
            await app(scope, receive, send)
            return
        unread = age_of(scope)
        if permit is None and has_body(scope["headers"]):
            # It did not come at once: without a permit, of which it keeps none from others.
            arrived = await whole_body(scope, receive)
            if arrived is None:
                return  # the client has left
            receive = arrived
        limiter = self._control_of()[UPSTREAM_OF[kind]]
        try:
            permit = await _acquire(limiter, limiter.classes[kind], permit, scope, unread)
        except Rejected as rejected:
            await self._reject(scope, send, kind, rejected.reason)
            return

        async def watch(message: Message) -> None:
            # The gateway says that it is full: fewer are to be admitted here.
            if message["type"] == "http.response.start" and message["status"] == 503:
                limiter.limit.note_refusal()
            await send(message)

        began = time.monotonic() - unread
        try:
            await app(scope, receive, watch)
        finally:
            permit.release(time.monotonic() - began)

    async def _reject(self, scope: Scope, send: Send, kind: RouteClass, reason: str) -> None:
        request = self._telemetry.begin(scope, send, recorded=self._takes_span())
        try:
            problem = self._control_of().reject(UPSTREAM_OF[kind], kind, reason)
            if reason == LEFT:
                return
            trace_id = trace.format_trace_id(request.span.get_span_context().trace_id)
            told = problem.status, trace_id.encode()
            shown = self._rejections.show(scope["headers"], scope["path"], *told)
            headers = [*shown.headers, (b"content-length", b"%d" % len(shown.body))]
            start = {"type": "http.response.start", "status": problem.status, "headers": headers}
            await request.send(start)
            await request.send({"type": "http.response.body", "body": shown.body})
        finally:
            request.end()

    def _takes_span(self) -> bool:
        """Of a flood of rejections, a few are to be looked at; all are counted."""
        now = time.monotonic()
        if now - self._spans_since >= 1:
            self._spans_since, self._spans_left = now, _SPANS_PER_SECOND
        self._spans_left -= 1
        return self._spans_left >= 0


async def _acquire(
    limiter: ConcurrencyLimiter,
    of_class: PriorityClass,
    permit: Permit | None,
    scope: Scope,
    unread: float,
) -> Permit:
    """The permit that it got as it was read, or one that it waited for."""
    if is_gone(scope, unread):
        raise Rejected(LEFT)
    if permit is not None:
        if permit.is_admitted:
            return permit
        permit.release()
    await limiter.acquire(of_class, arrival_of(scope))
    return Permit(limiter, of_class, is_admitted=True)
