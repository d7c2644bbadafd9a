"""The trust boundary: what a client claims is dropped here, before any instrumentation sees
it, and what the shop itself says about guest and safety is added here, to every answer."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.headers import GUEST, INTERNAL_PREFIX
from servicekit.health import Health
from services.frontend.guest import SCOPE_KEY, Guest, GuestCookie

Networks = Sequence[IPv4Network | IPv6Network]
Headers = list[tuple[bytes, bytes]]

# W3C Trace Context §3.4: a front gate restarts the trace instead of trusting a stranger's.
_TRACE_HEADERS = frozenset({b"traceparent", b"tracestate", b"baggage", b"traceresponse"})
_FORWARDED_HEADERS = frozenset({b"forwarded", b"x-real-ip"})
_GUEST_HEADER = GUEST.lower().encode()
_INTERNAL_PREFIX = INTERNAL_PREFIX.encode()

# These are the same for everybody, and asked for by programs that keep no cookies.
_WITHOUT_GUEST = ("/static/", "/healthz", "/readyz", "/favicon.svg", "/robots.txt")

_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    )
)
_SECURITY_HEADERS = {
    b"content-security-policy": _CONTENT_SECURITY_POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"strict-origin-when-cross-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    b"cross-origin-opener-policy": b"same-origin",
}
_HSTS = {b"strict-transport-security": b"max-age=31536000; includeSubDomains"}


class TrustBoundary:
    """Wraps the whole app, instrumentation included. `health` is the app's, for the server."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        health: Health,
        guest_cookie: GuestCookie,
        trusted_ingress: Networks,
        secure: bool,
    ) -> None:
        self.health = health
        self._app = app
        self._guest_cookie = guest_cookie
        self._trusted_ingress = trusted_ingress
        self._own_headers = _SECURITY_HEADERS | (_HSTS if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guest = self._guest_cookie.find_guest(scope["headers"])
        greet = not guest.known and not scope["path"].startswith(_WITHOUT_GUEST)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._mark(message["headers"], guest, greet)}
            await send(message)

        headers = self._clean(scope, guest)
        await self._app({**scope, "headers": headers, SCOPE_KEY: guest}, receive, send_marked)

    def _clean(self, scope: Scope, guest: Guest) -> Headers:
        trusted = self._is_ingress(scope)
        headers = [
            (name, value)
            for name, value in scope["headers"]
            if name not in _TRACE_HEADERS
            and not name.startswith(_INTERNAL_PREFIX)
            and (trusted or not _is_forwarded(name))
        ]
        if guest.known:
            headers.append((_GUEST_HEADER, str(guest.guest_id).encode()))
        return headers

    def _is_ingress(self, scope: Scope) -> bool:
        if not self._trusted_ingress or not scope.get("client"):
            return False
        try:
            address = ip_address(scope["client"][0])
        except ValueError:
            return False
        return any(address in network for network in self._trusted_ingress)

    def _mark(self, headers: Headers, guest: Guest, greet: bool) -> Headers:
        marked = [(name, value) for name, value in headers if name not in self._own_headers]
        marked.extend(self._own_headers.items())
        if greet:
            # A cache in between must not hand one guest's cookie to the next.
            marked = [(name, value) for name, value in marked if name != b"cache-control"]
            marked.append((b"cache-control", b"no-store"))
            marked.append((b"set-cookie", self._guest_cookie.set_cookie(guest)))
        return marked


def _is_forwarded(name: bytes) -> bool:
    return name.startswith(b"x-forwarded-") or name in _FORWARDED_HEADERS
