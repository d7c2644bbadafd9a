"""The body of a request, read whole and within a limit."""

import asyncio
from collections.abc import Iterable

from starlette.types import Message, Receive, Scope

from servicekit.problems import BadRequest, BodyTooLarge

# The contract's limit, at every hop.
MAX_BODY_BYTES = 64 * 1024
# Less than frontend and gateway give a request: a slow sender is told that it is its own fault.
BODY_SECONDS = 4


async def read_body(
    scope: Scope,
    receive: Receive,
    limit: int = MAX_BODY_BYTES,
    seconds: float = BODY_SECONDS,
) -> bytes | None:
    """The whole body, or None if the client left before it was there.

    Raises `BodyTooLarge`, and `BadRequest` if it is not there in time. What counts is what arrives,
    so that a chunked body is held to the limit like one that states its length.
    """
    stated = _stated_length(scope["headers"])
    if stated == 0:
        return b""
    if stated is not None and stated > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive, limit)
    except TimeoutError:
        raise _late(seconds) from None


async def _read(receive: Receive, limit: int) -> bytes | None:
    chunks: list[bytes] = []
    received = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        received += len(chunks[-1])
        if received > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _late(seconds: float) -> BadRequest:
    return BadRequest(f"The body was not whole within {seconds:g} s.")


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The limit is {limit} bytes.")


def _stated_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Content-Length; 0 if there is no body at all, None if the body is chunked."""
    length = 0
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            length = int(value)
    return length


async def whole_body(
    scope: Scope, receive: Receive, seconds: float = BODY_SECONDS
) -> Receive | None:
    """Gives the same request again, once its body is there, or more of it than anybody takes; None
    if the client left before. Who asks for more of one that is late gets `BadRequest`."""
    stated = _stated_length(scope["headers"])
    if stated is not None and not 0 < stated <= MAX_BODY_BYTES:
        return receive
    messages, size, is_late = list[Message](), 0, False
    try:
        async with asyncio.timeout(seconds):
            while size <= MAX_BODY_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                messages.append(message)
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        is_late = True
    messages.reverse()

    async def again() -> Message:
        if is_late and not messages:
            raise _late(seconds)
        return messages.pop() if messages else await receive()

    return again
