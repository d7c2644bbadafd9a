"""The time that is left for a request, handed from hop to hop.

A relative budget, like gRPC's `grpc-timeout`, so that clocks of two machines need not agree.
"""

import asyncio
import time
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from heapq import heappop, heappush
from types import TracebackType

from starlette.types import Scope

from servicekit.problems import DeadlinePassed

# What is left of the request's time as it was sent, in milliseconds.
TIMEOUT_HEADER = "X-Arloji-Timeout-Ms"

_HEADER = TIMEOUT_HEADER.lower().encode()
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def remaining_seconds() -> float | None:
    """Seconds left for the request under way, never negative; None outside of a request."""
    deadline = _deadline.get()
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def require_time() -> None:
    """Raise `DeadlinePassed` if no caller waits for the result any more: drop work before it
    reaches the database."""
    if remaining_seconds() == 0.0:
        raise DeadlinePassed("The deadline passed before the work began.")


class within:
    """Give what runs inside no more than `seconds` of the time that is left; what it sends on
    tells the shorter time. Raises `DeadlinePassed` in place of what it interrupts."""

    __slots__ = ("_alarm", "_before", "_budget", "_cancelling", "_expired", "_seconds", "_task")

    def __init__(self, seconds: float) -> None:
        self._seconds, self._expired = seconds, False

    async def __aenter__(self) -> None:
        left = remaining_seconds()
        self._budget = self._seconds if left is None else min(self._seconds, left)
        self._before = _deadline.set(time.monotonic() + self._budget)
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._alarm = _alarms_of(asyncio.get_running_loop()).set(self._budget, self._expire)

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        self._alarm.call = None
        _deadline.reset(self._before)
        # As `asyncio.timeout` does: another cancellation goes on.
        if not self._expired or self._task.uncancel() > self._cancelling:
            return
        if kind is asyncio.CancelledError:
            raise DeadlinePassed(f"No answer within {self._budget:.1f} s.") from error


class _Alarm:
    __slots__ = ("call", "when")

    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when = when
        self.call: Callable[[], None] | None = call

    def __lt__(self, other: "_Alarm") -> bool:
        return self.when < other.when


class _Alarms:
    """All deadlines of a loop by one timer: nearly none is reached, and a timer of its own costs a
    request as much as all its sending and receiving (uvloop opens and closes a handle for each).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Weak, as the loop is the key that these are kept by.
        self._loop = weakref.ref(loop)
        self._set: list[_Alarm] = []
        self._rings_at = float("inf")
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float, call: Callable[[], None]) -> _Alarm:
        """Calls once, unless its `call` is taken away before."""
        loop = self._loop()
        assert loop is not None
        alarm = _Alarm(loop.time() + seconds, call)
        self._forget_first()
        heappush(self._set, alarm)
        if alarm.when < self._rings_at:
            self._ring_at(loop, alarm.when)
        return alarm

    def _forget_first(self) -> None:
        """Those that were taken away: so there are about as many as requests under way."""
        while self._set and self._set[0].call is None:
            heappop(self._set)

    def _ring_at(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at, self._timer = when, loop.call_at(when, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._rings_at, self._timer, now = float("inf"), None, loop.time()
        self._forget_first()
        while self._set and self._set[0].when <= now:
            if (call := heappop(self._set).call) is not None:
                call()
            self._forget_first()
        if self._set:
            self._ring_at(loop, self._set[0].when)


_alarms: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Alarms]" = (
    weakref.WeakKeyDictionary()
)


def _alarms_of(loop: asyncio.AbstractEventLoop) -> _Alarms:
    if (alarms := _alarms.get(loop)) is None:
        alarms = _alarms[loop] = _Alarms(loop)
    return alarms


def budget_of(scope: Scope) -> float:
    """The time that the caller of a request leaves it, infinite if that is not said."""
    for name, value in scope["headers"]:
        if name == _HEADER and value.isdigit() and len(value) < 10:
            return int(value) / 1000
    return float("inf")
