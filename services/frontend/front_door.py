"""The frontend's doors, before everything else: a request that is turned away has cost no more than
its parsing. Pages cost the most CPU of the whole shop, and here a refusal is the cheapest."""

import time
from collections.abc import Callable

from opentelemetry import trace
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.route_classes import UPSTREAM_OF
from servicekit.admission.arrival import age_of, arrival_of, is_gone
from servicekit.admission.door import LEFT, LIMIT, Door, Lane, Place, Refused
from servicekit.admission.doors import Doors, problem_of
from servicekit.http_server.body import whole_body
from servicekit.http_server.early_answer import EarlyAnswer
from servicekit.telemetry.http_conventions import trace_header
from servicekit.telemetry.server_spans import EXPOSED, ServerTelemetry
from services.frontend.rejections import Rejections
from services.frontend.request_class import class_of

_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SPANS_PER_SECOND = 10
_PLACE = "arloji.place"


class FrontDoor:
    """`doors_of` gives the doors once they are open."""

    def __init__(self, doors_of: Callable[[], Doors], rejections: Rejections) -> None:
        self._doors_of, self._rejections = doors_of, rejections
        self._telemetry = ServerTelemetry()
        self._spans_left, self._spans_since = _SPANS_PER_SECOND, 0.0

    def gate(self, method: bytes, target: bytes, scope: Scope) -> EarlyAnswer | None:
        """Asked as soon as a head is read, so that what is under way is counted from then on: a
        loop may read hundreds of requests before it begins the first."""
        path = target.partition(b"?")[0].decode("latin-1")
        kind = class_of(method.decode("ascii"), path)
        if kind is None:
            return None
        doors = self._doors_of()
        door = doors[UPSTREAM_OF[kind]]
        lane = door.lanes[kind]
        try:
            if door.enter(lane):
                scope[_PLACE] = Place(door, lane, is_inside=True)
                return None
            if door.may_wait(lane):
                scope[_PLACE] = Place(door, lane, is_inside=False)
                return None
            reason = LIMIT
        except Refused as refused:
            reason = refused.reason
        if self._takes_span():
            return None  # to be turned away as a whole request
        problem = problem_of(reason)
        doors.count(UPSTREAM_OF[kind], kind, reason)
        ids = self._telemetry.count_early(method.decode("ascii"), problem.status, age_of(scope))
        trace_id = trace.format_trace_id(ids.trace_id)
        shown = self._rejections.show(scope["headers"], path, problem, trace_id)
        traced = (b"traceresponse", trace_header(ids, ids.span_id)), EXPOSED
        return EarlyAnswer(problem.status, [*shown.headers, *traced], shown.body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        """What is let in goes to `app`."""
        kind = class_of(scope["method"], scope["path"])
        place: Place | None = scope.pop(_PLACE, None)
        if kind is None:
            await app(scope, receive, send)
            return
        unread = age_of(scope)
        if scope["method"] in _WITH_BODY:
            # Before there is a place for it: who sends slowly keeps none from others.
            arrived = await whole_body(receive)
            if arrived is None:
                return  # the client has left
            receive = arrived
        doors = self._doors_of()
        door = doors[UPSTREAM_OF[kind]]
        try:
            place = await _enter(door, door.lanes[kind], place, scope, unread)
        except Refused as refused:
            await self._refuse(scope, send, doors, UPSTREAM_OF[kind], kind, refused.reason)
            return

        async def watch(message: Message) -> None:
            # The gateway says that it is full: fewer are to be let in here.
            if message["type"] == "http.response.start" and message["status"] == 503:
                door.limit.note_refusal()
            await send(message)

        began = time.monotonic() - unread
        try:
            await app(scope, receive, watch)
        finally:
            place.give_back(time.monotonic() - began)

    async def _refuse(
        self, scope: Scope, send: Send, doors: Doors, upstream: str, kind: str, reason: str
    ) -> None:
        request = self._telemetry.begin(scope, send, recorded=self._takes_span())
        try:
            problem = doors.refuse(upstream, kind, reason)
            if reason == LEFT:
                return
            trace_id = trace.format_trace_id(request.span.get_span_context().trace_id)
            shown = self._rejections.show(scope["headers"], scope["path"], problem, trace_id)
            headers = [*shown.headers, (b"content-length", b"%d" % len(shown.body))]
            start = {"type": "http.response.start", "status": problem.status, "headers": headers}
            await request.send(start)
            await request.send({"type": "http.response.body", "body": shown.body})
        finally:
            request.end()

    def _takes_span(self) -> bool:
        """Of a flood of refusals, a few are to be looked at; all are counted."""
        now = time.monotonic()
        if now - self._spans_since >= 1:
            self._spans_since, self._spans_left = now, _SPANS_PER_SECOND
        self._spans_left -= 1
        return self._spans_left >= 0


async def _enter(door: Door, lane: Lane, place: Place | None, scope: Scope, unread: float) -> Place:
    """With the place that it got as it was read, or by waiting for one."""
    if is_gone(scope, unread):
        raise Refused(LEFT)
    if place is not None:
        if place.is_inside:
            return place
        place.give_back()
    await door.admit(lane, arrival_of(scope))
    return Place(door, lane, is_inside=True)
