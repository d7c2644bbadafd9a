"""The frontend's doors, before everything else: a request that is turned away has cost no more than
its parsing. Pages cost the most CPU of the whole shop, and here a refusal is the cheapest."""

import time
from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.api import API
from contracts.route_classes import UPSTREAM_OF, RouteClass
from servicekit.admission.arrival import age_of, arrival_of, is_gone
from servicekit.admission.door import LEFT, Refused
from servicekit.admission.doors import Doors
from servicekit.http_server.body import MAX_BODY_BYTES
from servicekit.problems import MEDIA_TYPE, Problem, problem_body
from servicekit.telemetry.server_spans import ServerTelemetry
from servicekit.telemetry.tracing import current_trace_id
from services.frontend.cookies.cookie import Cookie
from services.frontend.errors import asks_for_a_page, is_for_a_program
from services.frontend.language import Language, choose_language
from services.frontend.pages import Pages

# From memory, without anybody else's work.
_OPEN_TO_ALL = ("/static/", "/healthz", "/readyz", "/favicon.svg", "/robots.txt")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_TRACE_ID = "f" * 32
_SPANS_PER_SECOND = 10


class FrontDoor:
    """`doors_of` gives the doors once they are open."""

    def __init__(
        self,
        doors_of: Callable[[], Doors],
        pages: Pages,
        language: Cookie,
        security_headers: Mapping[bytes, bytes],
    ) -> None:
        self._doors_of, self._language = doors_of, language
        self._headers = [*security_headers.items(), (b"cache-control", b"no-store")]
        self._telemetry = ServerTelemetry()
        self._spans_left, self._spans_since = _SPANS_PER_SECOND, 0.0
        self._pages = {
            (one, status): _static_page(pages, one, status)
            for one in Language
            for status in (503, 504)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        """What is let in goes to `app`."""
        kind = class_of(scope)
        if kind is None:
            await app(scope, receive, send)
            return
        unread = age_of(scope)
        if scope["method"] in _WITH_BODY:
            # Before there is a place for it: who sends slowly keeps none from others.
            arrived = await _arrived(receive)
            if arrived is None:
                return  # the client has left
            receive = arrived
        doors, upstream = self._doors_of(), UPSTREAM_OF[kind]
        door = doors[upstream]
        lane = door.lanes[kind]
        try:
            if is_gone(scope, unread):
                raise Refused(LEFT)
            await door.admit(lane, arrival_of(scope))
        except Refused as refused:
            await self._refuse(scope, send, doors, upstream, kind, refused.reason)
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
            door.leave(lane, time.monotonic() - began)

    async def _refuse(
        self, scope: Scope, send: Send, doors: Doors, upstream: str, kind: str, reason: str
    ) -> None:
        request = self._telemetry.begin(scope, send, recorded=self._takes_span())
        try:
            problem = doors.refuse(upstream, kind, reason)
            if reason == LEFT:
                return
            body, media_type = self._show(scope, problem)
            headers = [
                *self._headers,
                (b"content-type", media_type),
                (b"content-length", b"%d" % len(body)),
                *((name.lower().encode(), text.encode()) for name, text in problem.headers.items()),
            ]
            start = {"type": "http.response.start", "status": problem.status, "headers": headers}
            await request.send(start)
            await request.send({"type": "http.response.body", "body": body})
        finally:
            request.end()

    def _takes_span(self) -> bool:
        """Of a flood of refusals, a few are to be looked at; all are counted."""
        now = time.monotonic()
        if now - self._spans_since >= 1:
            self._spans_since, self._spans_left = now, _SPANS_PER_SECOND
        self._spans_left -= 1
        return self._spans_left >= 0

    def _show(self, scope: Scope, problem: Problem) -> tuple[bytes, bytes]:
        if is_for_a_program(scope["path"]) or not asks_for_a_page(scope):
            return problem_body(problem, scope), MEDIA_TYPE.encode("ascii")
        accepted = next((v for name, v in scope["headers"] if name == b"accept-language"), b"")
        remembered = next(iter(self._language.values(scope["headers"])), None)
        language = choose_language(None, remembered, accepted.decode("latin-1"))
        before, after = self._pages[language, problem.status]
        trace_id = (current_trace_id() or "").encode("ascii")
        return before + trace_id + after, b"text/html; charset=utf-8"


def class_of(scope: Scope) -> RouteClass | None:
    """What a request is to the shop; None for what anybody may have at any time."""
    path: str = scope["path"]
    if path.startswith(_OPEN_TO_ALL):
        return None
    noun = path.removeprefix(API).partition("/")[2].partition("/")[0]
    if noun == "orders":
        is_order = scope["method"] == "POST"
        return RouteClass.ORDER_PLACEMENT if is_order else RouteClass.ORDER_STATUS
    if noun in ("cart", "products", "language"):
        is_list = noun == "products" and path == f"{API}/products"
        return RouteClass.LIST if is_list else RouteClass.PRODUCT
    return RouteClass.LIST


async def _arrived(receive: Receive) -> Receive | None:
    """The same request once its body is there, or more of it than anybody takes."""
    messages, size = list[Message](), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        messages.append(message)
        size += len(message.get("body", b""))
        if not message.get("more_body", False) or size > MAX_BODY_BYTES:
            break
    messages.reverse()

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


def _static_page(pages: Pages, language: Language, status: int) -> tuple[bytes, bytes]:
    """What stands before and after the id of the trace."""
    html = pages.render_alone(
        "refusal.html", language, code=status, shown_status=status, trace_id=_TRACE_ID
    )
    before, _, after = html.encode().partition(_TRACE_ID.encode())
    return before, after
