"""Passing requests on to one other service: what frontend and gateway share.

The lifespan opens an `Upstream`; then either one `ForwardingApp` passes a whole prefix on, as in
the frontend, or `end_to_end_headers`, `Upstream.send` and `relay` are called one by one, as in the
gateway.
"""

import re
from collections.abc import Callable
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from servicekit.http_client.answer import Answer
from servicekit.http_client.failures import UpstreamFailure, problem_for
from servicekit.http_proxy.headers import Headers, answer_headers, end_to_end_headers
from servicekit.http_proxy.upstream import OutgoingRequest, Upstream, open_upstream
from servicekit.http_server.body import read_body
from servicekit.problems import NotFound

# The upstream's names too: who forwards needs one.
__all__ = [
    "ForwardingApp",
    "OutgoingRequest",
    "Upstream",
    "encoded_query",
    "open_upstream",
    "relay",
]

_WITHOUT_CONTENT = frozenset({204, 205, 304})
# RFC 3986 §3.4, and the percent sign, since what comes in is encoded already.
_QUERY_CHARACTERS = "/?:@!$&'()*+,;=-._~%"


class ForwardingApp:
    """An ASGI app that passes every plain path below `prefix` on, as it is.

    It looks at the whole path, wherever it stands. What is not plain (percent
    signs, dot segments, empty segments, parameters) is no route of the other side and answered
    with 404 here. `upstream_of` finds the `Upstream` of a request, `own_headers` adds what this
    service itself has to say, and `via` is its name in the `Via` field.
    """

    def __init__(
        self,
        prefix: str,
        *,
        upstream_of: Callable[[Scope], Upstream],
        own_headers: Callable[[Scope], Headers],
        via: bytes,
    ) -> None:
        self._plain_path = re.compile(
            re.escape(prefix.encode()) + rb"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+", re.ASCII
        )
        self._upstream_of, self._own_headers, self._via = upstream_of, own_headers, via

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(scope, receive)
        if body is None:
            return  # the client has left
        path: bytes = scope["raw_path"]
        if not self._plain_path.fullmatch(path):
            raise NotFound("No such page or route.")
        headers = end_to_end_headers(scope, via=self._via)
        headers += self._own_headers(scope)
        target = path.decode("ascii") + encoded_query(scope)
        request = OutgoingRequest(scope["method"], target, headers, body)
        await relay(await self._upstream_of(scope).send(request), send)


def encoded_query(scope: Scope) -> str:
    """The query with its question mark, as it came; what no URL may hold is percent-encoded."""
    query: bytes = scope["query_string"]
    return "?" + quote(query, safe=_QUERY_CHARACTERS) if query else ""


async def relay(answer: Answer, send: Send) -> None:
    """Send an answer on and close it: whole if it is small, else piece by piece, no faster
    than the client takes it. One that breaks in the middle ends in `BadGateway`, or, once it
    has begun, in a cut connection."""
    status, headers, body = answer.status, answer_headers(answer.headers), b""
    start = {"type": "http.response.start", "status": status, "headers": headers}
    try:
        if status in _WITHOUT_CONTENT:
            await send(start)
        elif answer.whole or await answer.is_small():
            body = answer.take()
            headers.append((b"content-length", b"%d" % len(body)))
            await send(start)
        else:
            if length := answer.header(b"content-length"):
                headers.append((b"content-length", length))
            await send(start)
            async for piece in answer.pieces():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": body})
    except UpstreamFailure as failure:
        raise problem_for(failure) from failure
    finally:
        answer.close()
