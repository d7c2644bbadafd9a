"""What one connection may take, and how it is closed without losing its last answer."""

import asyncio
import resource
from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl

# What a service opens beside its clients: pools, files, the loop's own.
_OWN_DESCRIPTORS = 512


@dataclass(frozen=True)
class Limits:
    # Request line and headers, and so much again around a chunked body: sizes, trailers.
    max_header_bytes: int = 16 * 1024
    # As nginx in front: each costs memory of its own, however short it is.
    max_header_fields: int = 128
    # From the first byte of a request, or from the connection on, to the end of its headers.
    header_timeout_seconds: float = 10
    # A connection ends with the first answer after this, or up to half as much more: clients
    # then look again for who is there, and not all at once.
    max_connection_age_seconds: float = 10
    # From the end of the last answer on: how long the client may take to read it.
    lingering_close_seconds: float = 10
    # Requests sent ahead of their answers (RFC 9112 §9.3.2).
    max_pipelined_requests: int = 32
    # For whatever waits to be written when that is more than a transport likes to hold, 64 KiB:
    # a client that takes its answers slower than that does not take them.
    write_timeout_seconds: float = 10


def affordable_connections(wanted: int) -> int:
    """As many of these as the process may have descriptors for, once it has taken what it is
    allowed. One that runs out of them can neither accept nor ask anybody else."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OWN_DESCRIPTORS
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return min(wanted, max(allowed - _OWN_DESCRIPTORS, allowed // 2))


class OneAtATime(FlowControl):
    """Reads no further while requests wait behind the one under way, whose body is there then, nor
    while answers are not taken: or a client could leave as many bodies here as it may send requests
    ahead, and have as many answers kept as it likes."""

    def __init__(self, transport: Any, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if self.read_paused and not self._waiting and not self.write_paused:
            super().resume_reading()


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
