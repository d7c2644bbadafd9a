"""Answers that a server gives before a request has become a task: as cheap as they can be."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.types import Scope

from servicekit.http_server.exchange import STATUS_LINES

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(slots=True)
class EarlyAnswer:
    """`head` has its headers as lines, but its length and what the connection adds."""

    status: int
    head: bytes
    body: bytes

    def encode(self, own_headers: Headers, *, is_head: bool) -> bytes:
        own = b"".join([b"%b: %b\r\n" % pair for pair in own_headers])
        line, length = STATUS_LINES[self.status], len(self.body)
        head = b"%b%b%bcontent-length: %d\r\n\r\n" % (line, self.head, own, length)
        return head if is_head else head + self.body


# Asked with method, target and the scope as far as it is made; None lets the request go on.
Gate = Callable[[bytes, bytes, Scope], EarlyAnswer | None]


def has_body(headers: Headers) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in headers
    )
