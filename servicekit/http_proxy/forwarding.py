"""Passing requests on to one other service: what frontend and gateway share.

The lifespan opens an `Upstream`; then either one `ForwardingApp` passes a whole prefix on, as in
the frontend, or `end_to_end_headers`, `Upstream.send` and `relay` are called one by one, as in the
gateway.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import quote

import aiohttp
from starlette.types import Receive, Scope, Send

from servicekit.http_client.session import AnswerBroken, problem_for
from servicekit.http_proxy.headers import answer_headers, end_to_end_headers
from servicekit.http_proxy.upstream import OutgoingRequest, Upstream, open_upstream
from servicekit.http_server.body import read_body
from servicekit.problems import NotFound

# The upstream's names too: who forwards needs one.
__all__ = [
    "BUFFER_BYTES",
    "ForwardingApp",
    "OutgoingRequest",
    "Upstream",
    "encoded_query",
    "open_upstream",
    "relay",
]

# An answer up to about this size is read whole and sent at once; a larger one is streamed.
BUFFER_BYTES = 64 * 1024

_WITHOUT_CONTENT = frozenset({204, 205, 304})
# RFC 3986 §3.4, and the percent sign, since what comes in is encoded already.
_QUERY_CHARACTERS = "/?:@!$&'()*+,;=-._~%"


class ForwardingApp:
    """An ASGI app that passes every plain path below `prefix` on, as it is.

    Mount it, or use it as an endpoint: it looks at the whole path. What is not plain (percent
    signs, dot segments, empty segments, parameters) is no route of the other side and answered
    with 404 here. `upstream_of` finds the `Upstream` of a request, `own_headers` adds what this
    service itself has to say, and `via` is its name in the `Via` field.
    """

    def __init__(
        self,
        prefix: str,
        *,
        upstream_of: Callable[[Scope], Upstream],
        own_headers: Callable[[Scope], Mapping[str, str]],
        via: str,
    ) -> None:
        self._plain_path = re.compile(
            re.escape(prefix.encode()) + rb"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+", re.ASCII
        )
        self._upstream_of, self._own_headers, self._via = upstream_of, own_headers, via

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: bytes = scope["raw_path"]
        if not self._plain_path.fullmatch(path):
            raise NotFound("No such page or route.")
        body = await read_body(scope, receive)
        if body is None:
            return  # the client has left
        headers = end_to_end_headers(scope, via=self._via)
        headers.update(self._own_headers(scope))
        target = path.decode("ascii") + encoded_query(scope)
        request = OutgoingRequest(scope["method"], target, headers, body)
        await relay(await self._upstream_of(scope).send(request), send)


def encoded_query(scope: Scope) -> str:
    """The query with its question mark, as it came; what no URL may hold is percent-encoded."""
    query: bytes = scope["query_string"]
    return "?" + quote(query, safe=_QUERY_CHARACTERS) if query else ""


async def relay(answer: aiohttp.ClientResponse, send: Send) -> None:
    """Send an answer on and release it: whole if it is small, else piece by piece, no faster
    than the client takes it. One that breaks in the middle ends in `BadGateway`, or, once it
    has begun, in a cut connection."""
    async with answer:
        if answer.status < 200:
            raise problem_for(AnswerBroken(f"{answer.status} is no end of an answer"))
        headers = answer_headers(answer.raw_headers)
        if answer.status in _WITHOUT_CONTENT or answer.method == "HEAD":
            await _start(send, answer.status, headers)
            await send({"type": "http.response.body"})
            return
        pieces: list[bytes] = []
        size, pieces_left = 0, aiter(_pieces(answer))
        async for piece in pieces_left:
            pieces.append(piece)
            size += len(piece)
            if size > BUFFER_BYTES:
                await _stream(send, answer, headers, b"".join(pieces), pieces_left)
                return
        await _start(send, answer.status, [*headers, (b"content-length", b"%d" % size)])
        await send({"type": "http.response.body", "body": b"".join(pieces)})


async def _stream(
    send: Send,
    answer: aiohttp.ClientResponse,
    headers: list[tuple[bytes, bytes]],
    first: bytes,
    rest: AsyncIterator[bytes],
) -> None:
    length = answer.headers.get("Content-Length")
    stated = [(b"content-length", length.encode("ascii"))] if length else []
    await _start(send, answer.status, headers + stated)
    await send({"type": "http.response.body", "body": first, "more_body": True})
    async for piece in rest:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


async def _start(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        while piece := await answer.content.readany():
            yield piece
    except (aiohttp.ClientError, OSError) as error:
        if isinstance(error, TimeoutError):
            raise
        raise problem_for(AnswerBroken(type(error).__name__)) from error
