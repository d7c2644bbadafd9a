"""Circuit breakers: a dependency that does not answer is not asked by every request.

`Breaker` counts failures in a row and is for what can be done without, such as a cache.
`RateBreaker` is for an upstream of many callers, of which some may fail at any time.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

Clock = Callable[[], float]

# Calls in a row that must go well before a breaker closes again.
_PROBES = 3


class Breaker:
    """Open after `failures` in a row: no caller asks for `pause_seconds`, then one in every pause
    does (half-open). A success closes it.

    Failures that come within `together_seconds` count as one: a stall of this process lets
    every request that is under way time out at once, which says little about the other side.
    """

    def __init__(
        self,
        *,
        failures: int,
        pause_seconds: float,
        together_seconds: float = 0.05,
        clock: Clock = time.monotonic,
    ) -> None:
        self._limit, self._pause_seconds = failures, pause_seconds
        self._together_seconds, self._clock = together_seconds, clock
        self._failures = 0
        self._last_counted = float("-inf")
        self._next_try = float("-inf")

    def allows(self) -> bool:
        """True if the caller may ask; it must then call `succeeded` or `failed`."""
        if self._failures < self._limit:
            return True
        now = self._clock()
        if now < self._next_try:
            return False
        self._next_try = now + self._pause_seconds
        return True

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        now = self._clock()
        if now - self._last_counted < self._together_seconds:
            return
        self._last_counted = now
        self._failures += 1
        if self._failures >= self._limit:
            self._next_try = now + self._pause_seconds


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """Rates are of the calls of the last `window_seconds`, if these were `least_calls`."""

    error_rate: float = 0.5
    slow_rate: float = 0.5
    slow_seconds: float = 2.0
    pause_seconds: float = 1.0
    window_seconds: float = 3.0
    least_calls: int = 5


class State(IntEnum):
    CLOSED, HALF_OPEN, OPEN = 0, 1, 2


@dataclass(slots=True)
class Call:
    """One that was let through."""

    began: float


class RateBreaker:
    """Opens when too many calls fail or are slow, and also while they are under way: a call that is
    overdue counts as slow before it ends, so that a peer that has gone silent is found out.

    Open, it lets nothing through for a pause; then one call at a time (half-open), until enough in
    a row were well, or one was not. With the clock of `LoopLag.awake` a stall of this process is
    nobody's fault.
    """

    def __init__(self, settings: BreakerSettings, clock: Clock = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._state, self._opened_at, self._well = State.CLOSED, 0.0, 0
        self._under_way: dict[int, Call] = {}
        self._probe: Call | None = None
        # When a call ended or became overdue, whether it failed, whether it was slow.
        self._ended = deque[tuple[float, bool, bool]]()
        self._failed = self._slow = 0

    @property
    def state(self) -> State:
        self._look(self._clock())
        return self._state

    @property
    def is_open(self) -> bool:
        """Whether `begin` would give nothing for all that is known without a look at the clock."""
        return self._state is not State.CLOSED and self.state is State.OPEN

    def begin(self) -> Call | None:
        """None if the caller must not ask; otherwise it calls `end` with the result, or `drop`."""
        now = self._clock()
        self._look(now)
        if self._state is State.OPEN or (self._state is State.HALF_OPEN and self._probe):
            return None
        call = Call(now)
        if self._state is State.HALF_OPEN:
            self._probe = call
        else:
            self._under_way[id(call)] = call
        return call

    def end(self, call: Call, *, failed: bool) -> None:
        now = self._clock()
        slow = now - call.began >= self._settings.slow_seconds
        if call is self._probe:
            self._probe = None
            self._judge_probe(well=not (failed or slow))
        # One of before it opened says nothing about now, and one that was overdue is counted.
        elif self._under_way.pop(id(call), None) is not None:
            self._count(now, failed, slow)

    def drop(self, call: Call) -> None:
        """Nobody waited for its end, so that it says nothing, unless it is overdue by now."""
        self._look(self._clock())
        if call is self._probe:
            self._probe = None
        self._under_way.pop(id(call), None)

    def _judge_probe(self, *, well: bool) -> None:
        self._well += 1
        if not well:
            self._open()
        elif self._well >= _PROBES:
            self._state = State.CLOSED

    def _count(self, now: float, failed: bool, slow: bool) -> None:
        settings = self._settings
        self._ended.append((now, failed, slow))
        self._failed += failed
        self._slow += slow
        while self._ended[0][0] < now - settings.window_seconds:
            _, was_failed, was_slow = self._ended.popleft()
            self._failed -= was_failed
            self._slow -= was_slow
        if not (self._failed or self._slow):
            return
        calls = len(self._ended)
        rates = self._failed / calls, self._slow / calls
        bad = rates[0] >= settings.error_rate or rates[1] >= settings.slow_rate
        if bad and calls >= settings.least_calls:
            self._open()

    def _open(self) -> None:
        self._state, self._opened_at, self._well = State.OPEN, self._clock(), 0
        self._ended.clear()
        self._under_way.clear()
        self._failed = self._slow = 0
        self._probe = None

    def _look(self, now: float) -> None:
        """What the time has changed."""
        if self._state is State.OPEN:
            if now - self._opened_at >= self._settings.pause_seconds:
                self._state = State.HALF_OPEN
            return
        overdue = now - self._settings.slow_seconds
        if self._probe is not None and self._probe.began <= overdue:
            self._open()
        # In the order in which they began.
        while self._under_way and (call := next(iter(self._under_way.values()))).began <= overdue:
            del self._under_way[id(call)]
            self._count(now, failed=False, slow=True)
