"""When a request came, and whether somebody still waits for its answer."""

import asyncio
import select
import time

from starlette.types import Scope

from servicekit.admission.lag import LoopLag
from servicekit.admission.limiter import DEADLINE, LEFT
from servicekit.deadline import remaining_seconds

_KEY = "arloji.arrival"
# Before a look at the connection.
_LONG_SECONDS = 0.1
# Linux tells that the other side has closed while its request still lies there unread.
_CLOSED = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


class Arrival:
    """Of one request. `at`, by the monotonic clock, is before what it lay unread in its socket: the
    time that its sender gave it runs since then (decision 61)."""

    __slots__ = ("_transport", "at")

    def __init__(self, transport: asyncio.Transport, lag: LoopLag) -> None:
        now = time.monotonic()
        self.at = now - lag.waited_at(now)
        self._transport = transport

    def has_left(self) -> bool:
        """Whether the connection is closed, which the loop may not have been told yet."""
        if self._transport.is_closing():
            return True
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), _CLOSED)
        return bool(poll.poll(0))

    def lost(self, needs_seconds: float) -> str | None:
        """As a `WaitingRequest`; looks at the connection, which is a system call."""
        left = remaining_seconds()
        if left is not None and left <= needs_seconds:
            return DEADLINE
        return LEFT if self.has_left() else None


class NoConnection:
    """A request that came by no connection, as those of tests."""

    @staticmethod
    def lost(needs_seconds: float) -> str | None:
        left = remaining_seconds()
        return DEADLINE if left is not None and left <= needs_seconds else None


def note_arrival(scope: Scope, transport: asyncio.Transport, lag: LoopLag) -> None:
    """`lag` is that of the loop."""
    scope[_KEY] = Arrival(transport, lag)


def arrival_of(scope: Scope) -> Arrival | NoConnection:
    found: Arrival | NoConnection = scope.get(_KEY) or NoConnection()
    return found


def age_of(scope: Scope) -> float:
    """Seconds since it came."""
    arrival: Arrival | None = scope.get(_KEY)
    return 0.0 if arrival is None else time.monotonic() - arrival.at


def is_gone(scope: Scope, age: float) -> bool:
    """Whether a request that had to wait lost its sender meanwhile; of one that had not, this is
    not worth the look."""
    return age > _LONG_SECONDS and arrival_of(scope).lost(0.0) == LEFT
