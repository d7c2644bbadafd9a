"""The time that is left for a request, handed from hop to hop.

A relative budget, like gRPC's `grpc-timeout`, so that clocks of two machines need not agree.
"""

import asyncio
import time
from contextvars import ContextVar
from heapq import heappop, heappush
from itertools import count
from types import TracebackType

from starlette.types import Scope

from servicekit.per_loop import PerLoop
from servicekit.problems import DeadlinePassed

# What is left of the request's time as it was sent, in milliseconds.
TIMEOUT_HEADER = "X-Arloji-Timeout-Ms"

_HEADER = TIMEOUT_HEADER.lower().encode()
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def remaining_seconds() -> float | None:
    """Seconds left for the request under way, never negative; None outside of a request."""
    deadline = _deadline.get()
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def require_time() -> float | None:
    """What `remaining_seconds` says. Raises `DeadlinePassed` if no caller waits for the result any
    more: drop work before it reaches the database."""
    left = remaining_seconds()
    if left == 0.0:
        raise DeadlinePassed("The deadline passed before the work began.")
    return left


class within:
    """Give what runs inside no more than `seconds` of the time that is left; what it sends on
    tells the shorter time. Raises `DeadlinePassed` in place of what it interrupts."""

    __slots__ = ("_before", "_budget", "_cancelling", "_expired", "_seconds", "task")

    def __init__(self, seconds: float) -> None:
        self._seconds, self._expired = seconds, False

    def __enter__(self) -> None:
        now, outer = time.monotonic(), _deadline.get()
        ends_at = now + self._seconds
        if outer is not None and outer < ends_at:
            ends_at = max(now, outer)
        self._budget, self._before = ends_at - now, _deadline.set(ends_at)
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        # None once it is over.
        self.task: asyncio.Task[object] | None = task
        self._cancelling = task.cancelling()
        _alarms_of(loop).set(loop, self, self._budget)

    def expire(self) -> None:
        if self.task is not None:
            self._expired = True
            self.task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        task, self.task = self.task, None
        _deadline.reset(self._before)
        # As `asyncio.timeout` does: another cancellation goes on.
        if not self._expired or task is None or task.uncancel() > self._cancelling:
            return
        if kind is asyncio.CancelledError:
            raise DeadlinePassed(f"No answer within {self._budget:.1f} s.") from error


class _Alarms:
    """All deadlines of a loop by one timer: nearly none is reached, and a timer of its own costs a
    request as much as all its sending and receiving (uvloop opens and closes a handle for each).
    """

    def __init__(self) -> None:
        # The number decides between equal times, as what is set has no order.
        self._set: list[tuple[float, int, within]] = []
        self._numbers = count()
        self._rings_at = float("inf")
        self._timer: asyncio.TimerHandle | None = None

    def set(self, loop: asyncio.AbstractEventLoop, limit: within, seconds: float) -> None:
        when = loop.time() + seconds
        self._forget_first()
        heappush(self._set, (when, next(self._numbers), limit))
        if when < self._rings_at:
            self._ring_at(loop, when)

    def _forget_first(self) -> None:
        """Those that are over: so there are about as many as requests under way."""
        while self._set and self._set[0][2].task is None:
            heappop(self._set)

    def _ring_at(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at, self._timer = when, loop.call_at(when, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._rings_at, self._timer, now = float("inf"), None, loop.time()
        self._forget_first()
        while self._set and self._set[0][0] <= now:
            heappop(self._set)[2].expire()
            self._forget_first()
        if self._set:
            self._ring_at(loop, self._set[0][0])


_alarms_of = PerLoop(lambda _loop: _Alarms())


def budget_of(scope: Scope) -> float:
    """The time that the caller of a request leaves it, infinite if that is not said."""
    for name, value in scope["headers"]:
        if name == _HEADER and value.isdigit() and len(value) < 10:
            return int(value) / 1000
    return float("inf")
