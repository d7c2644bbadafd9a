"""Refusals that come before any handler, yet inside the trace: requests of other sites, orders
without a guest, bodies that are too large."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.problems import GuestRequired
from servicekit.http_server.body import read_body
from services.frontend.csrf import require_same_origin
from services.frontend.guest import guest_of


class RequestChecks:
    """Middleware that lets a request to a page in once initiator and whole body are acceptable."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        require_acceptable(scope)
        body = await read_body(scope, receive)
        if body is None:
            return  # the client has left
        await self._app(scope, _replay(body, receive), send)


def require_acceptable(scope: Scope) -> None:
    """Raise the problem of a request that nobody may send, whatever its body is."""
    require_same_origin(scope)
    _require_guest_for_orders(scope)


def _require_guest_for_orders(scope: Scope) -> None:
    if scope["method"] != "POST" or scope["path"].rstrip("/") != "/api/orders":
        return
    if not guest_of(scope).known:
        raise GuestRequired(
            "This answer sets the cookie. Repeat the order with it; nothing was ordered yet."
        )


def _replay(body: bytes, receive: Receive) -> Receive:
    replayed = False

    async def receive_again() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
