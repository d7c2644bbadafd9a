"""Refusals that come before any handler, yet inside the trace: requests of other sites, orders
without a guest, bodies that are too large."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit.problems import BodyTooLarge, GuestRequired
from services.frontend.csrf import require_own_sender
from services.frontend.guest import guest_of

MAX_BODY_BYTES = 64 * 1024


class RequestGate:
    """Lets a request in once its sender and its whole body are known to be acceptable."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        require_own_sender(scope)
        _require_guest_for_orders(scope)
        if _has_body(scope):
            body = await _read_body(scope, receive)
            if body is None:
                return  # the client has left
            receive = _replay(body, receive)
        await self._app(scope, receive, send)


def _require_guest_for_orders(scope: Scope) -> None:
    if scope["method"] != "POST" or scope["path"].rstrip("/") != "/api/orders":
        return
    if not guest_of(scope).known:
        raise GuestRequired(
            "This answer sets the cookie. Repeat the order with it; nothing was ordered yet."
        )


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def _read_body(scope: Scope, receive: Receive) -> bytes | None:
    """The body, whole; None if the client left. What is counted is what arrives, so that a
    chunked body is held to the limit like one that states its length."""
    too_large = BodyTooLarge(f"The limit is {MAX_BODY_BYTES} bytes.")
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > MAX_BODY_BYTES:
            raise too_large
    chunks: list[bytes] = []
    received = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        received += len(chunk)
        if received > MAX_BODY_BYTES:
            raise too_large
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    replayed = False

    async def receive_again() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
