"""The trust boundary: what a client claims is dropped here, before any instrumentation sees
it, and what the shop itself says about guest and safety is added here, to every answer."""

from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from typing import cast
from uuid import uuid4

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.headers import INTERNAL_PREFIX
from servicekit.http_server.health import Health
from servicekit.http_server.service import ServedApp
from servicekit.problems import Problem, ProblemRenderer, problem_response
from services.frontend import csrf, guest
from services.frontend.admission import FrontAdmission
from services.frontend.cookies import ShopCookies
from services.frontend.csrf import Initiator, find_initiator
from services.frontend.guest import Guest
from services.frontend.security_headers import security_headers

Headers = list[tuple[bytes, bytes]]

# W3C Trace Context §3.4: a front gate restarts the trace instead of trusting a stranger's.
_TRACE_HEADERS = frozenset({b"traceparent", b"tracestate", b"baggage", b"traceresponse"})
# Nobody behind asks where a client is: the edge limits by it, and logs it.
_FORWARDED_HEADERS = frozenset(
    (
        *(b"forwarded", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip", b"true-client-ip"),
        *(b"cf-connecting-ip", b"fastly-client-ip"),
    )
)
_DROPPED_PREFIXES = (
    INTERNAL_PREFIX.encode(),
    *(b"x-forwarded", b"x-original-", b"x-rewrite-"),
)

# These are the same for everybody, and asked for by programs that keep no cookies.
_WITHOUT_GUEST = ("/static/", "/healthz", "/readyz", "/favicon.svg", "/robots.txt")


class TrustBoundary:
    """Wraps the whole app, instrumentation included. The server uses `health`, and `gate` and
    `render_problem` for what is refused before the app sees it."""

    def __init__(
        self,
        app: ASGIApp,
        health: Health,
        cookies: ShopCookies,
        render_refusal: ProblemRenderer = problem_response,
        admission: FrontAdmission | None = None,
    ) -> None:
        self.health, self.cookies = health, cookies
        self._app, self._render_refusal, self._admission = app, render_refusal, admission
        self.gate = None if admission is None else admission.gate
        self._security_headers = security_headers(secure=cookies.options.secure)

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        return cast(ServedApp, self._app).lifespan()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._admission is not None:
            await self._admission(scope, receive, send, self._answer_admitted)
        else:
            await self._answer_admitted(scope, receive, send)

    async def _answer_admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = self.cookies.guest.find_guest(scope["headers"])
        initiator = find_initiator(scope, secure=self.cookies.options.secure)
        own_cookies = self._cookies_for(scope, visitor, initiator)

        async def send_with_own_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = self._with_own_headers(message["headers"], own_cookies, initiator)
                message = {**message, "headers": headers}
            await send(message)

        inner = {**scope, guest.SCOPE_KEY: visitor, csrf.SCOPE_KEY: initiator}
        inner["headers"] = [pair for pair in scope["headers"] if not _is_claim(pair[0])]
        await self._app(inner, receive, send_with_own_headers)

    def render_problem(self, scope: Scope, problem: Problem) -> Response:
        """An answer like every other, but to somebody whose cookies were not read."""
        nobody = Guest(uuid4(), known=False)
        response = self._render_refusal({**scope, guest.SCOPE_KEY: nobody}, problem)
        response.raw_headers = self._with_own_headers(
            response.raw_headers, [], Initiator.CROSS_SITE
        )
        return response

    def _cookies_for(self, scope: Scope, visitor: Guest, initiator: Initiator) -> list[str]:
        """What the boundary itself adds to the answer."""
        if scope["path"].startswith(_WITHOUT_GUEST) or initiator is Initiator.CROSS_SITE:
            return []
        if initiator is Initiator.NAVIGATION:
            # Whoever follows a link with a cookie that cannot be read keeps it until they go
            # on from here: no other site takes anything from anybody.
            unknown = not self.cookies.guest.is_in(scope["headers"])
            return [self.cookies.guest.header(visitor)] if unknown else []
        if not visitor.known:
            return [self.cookies.guest.header(visitor)]
        return self.cookies.renew(scope["headers"], visitor) if visitor.renew else []

    def _with_own_headers(
        self, headers: Headers, own_cookies: list[str], initiator: Initiator
    ) -> Headers:
        replaced = set(self._security_headers)
        if initiator is not Initiator.SAME_ORIGIN:
            # A browser takes them from whatever answer, and forgets those that it had.
            replaced.add(b"set-cookie")
        if own_cookies:
            # A cache in between must not hand one guest's cookie to the next.
            replaced.add(b"cache-control")
        kept = [(name, value) for name, value in headers if name not in replaced]
        kept.extend(self._security_headers.items())
        if own_cookies:
            kept.append((b"cache-control", b"no-store"))
            written = {_cookie_name(value) for name, value in kept if name == b"set-cookie"}
            added = (cookie.encode("ascii") for cookie in own_cookies)
            kept.extend(
                (b"set-cookie", cookie) for cookie in added if _cookie_name(cookie) not in written
            )
        return kept


@lru_cache(maxsize=256)
def _is_claim(name: bytes) -> bool:
    """True for what only the shop may say: about trace, origin, guest and time."""
    return (
        name in _TRACE_HEADERS or name in _FORWARDED_HEADERS or name.startswith(_DROPPED_PREFIXES)
    )


def _cookie_name(set_cookie: bytes) -> bytes:
    return set_cookie.partition(b"=")[0]
