"""Answers that a server gives before a request has become a task: as cheap as they can be."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.types import Scope

from servicekit.http_server.exchange import STATUS_LINES

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class EarlyAnswer:
    """Its length and what the connection adds are not among `headers`."""

    status: int
    headers: Headers
    body: bytes

    def encode(self, own_headers: Headers, *, is_head: bool) -> bytes:
        lines = [name + b": " + value for name, value in (*self.headers, *own_headers)]
        lines.append(b"content-length: %d" % len(self.body))
        head = STATUS_LINES[self.status] + b"\r\n".join(lines) + b"\r\n\r\n"
        return head if is_head else head + self.body


# Asked with method, target and the scope as far as it is made; None lets the request go on.
Gate = Callable[[bytes, bytes, Scope], EarlyAnswer | None]


def has_body(headers: Headers) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in headers
    )
