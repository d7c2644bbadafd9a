"""Who may ask, and what a browser may do with the answer."""

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def host_of(scope: Scope) -> str:
    """The Host header without its port; "" if there is not exactly one."""
    hosts = Headers(scope=scope).getlist("host")
    if len(hosts) != 1:
        return ""
    host = hosts[0].lower()
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]


class Guard:
    """Answers only to known host names. A page elsewhere may point its own name at 127.0.0.1
    (DNS rebinding), but it cannot make the browser send another Host."""

    def __init__(self, app: ASGIApp, allowed_hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = LOOPBACK_HOSTS | {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if host_of(scope) in self._hosts:
            await self._app(scope, receive, send_guarded)
        else:
            refusal = JSONResponse(
                {
                    "type": "about:blank",
                    "title": "Misdirected Request",
                    "status": 421,
                    "detail": "This host name is not served here; see --allowed-host.",
                },
                421,
                media_type="application/problem+json",
            )
            await refusal(scope, receive, send_guarded)
