"""What one connection may take, and how it is closed without losing its last answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limits:
    # Request line and headers, and so much again around a chunked body: sizes, trailers.
    max_header_bytes: int = 16 * 1024
    # From the first byte of a request, or from the connection on, to the end of its headers.
    header_timeout_seconds: float = 10
    # A connection ends with the first answer after this, or up to half as much more: clients
    # then look again for who is there, and not all at once.
    max_connection_age_seconds: float = 10
    # From the end of the last answer on: how long the client may take to read it.
    lingering_close_seconds: float = 10
    # Requests sent ahead of their answers (RFC 9112 §9.3.2).
    max_pipelined_requests: int = 32


class LingeringTransport:
    """Closes in two steps if `has_unread`: a socket that is closed with bytes unread sends a
    reset, which may overtake what was written before (RFC 9112 §9.6)."""

    def __init__(
        self, transport: asyncio.Transport, seconds: float, has_unread: Callable[[], bool]
    ) -> None:
        self._transport, self._seconds, self._has_unread = transport, seconds, has_unread
        self.write = transport.write
        self._closing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        self._closing = True
        if self._has_unread():
            self._transport.resume_reading()
            self._transport.write_eof()
        else:
            self._transport.close()
        asyncio.get_running_loop().call_later(self._seconds, self._transport.abort)
