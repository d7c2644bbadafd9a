"""How late the event loop is. An overloaded loop shows it in no handler's time: what waits to be
read lies in sockets, and what waits to be run has not begun."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from servicekit.per_loop import PerLoop

Clock = Callable[[], float]

TICK_SECONDS = 0.02
# Less than this is what a timer is late anyway.
_TOLERATED_SECONDS = 0.02
# Of a loop, until it has read all that lay there: it accepts a connection, makes it, and reads it.
_TURNS = 4
# A stall comes and goes; what is never less for so long, and for so many ticks, is load.
_STANDING_SECONDS, _STANDING_TICKS = 0.5, 3


class LoopLag:
    """Its `tick` is called every TICK_SECONDS by a timer of the loop; `standing` is how late even
    the most punctual tick of the last half second was."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock, self._due = clock, float("inf")
        self._stalled = self._unread = self.standing = 0.0
        # How late each tick was after which not all has been read yet: on a busy machine the next
        # one comes before that, and must not make what still lies there young.
        self._looks = deque[float]()
        self._lates, self._window_ends = list[float](), float("-inf")

    def waited(self) -> float:
        """About how long what is read from a socket just now may have lain there: since the tick
        that is overdue, or, if a loop has come to it first, for as long as that was."""
        return self.waited_at(self._clock())

    def waited_at(self, now: float) -> float:
        late = now - self._due
        return late if late > self._unread else self._unread

    def looked(self) -> None:
        """All that lay in sockets at the first late tick of which this was not said has been
        read."""
        self._looks.popleft()
        self._unread = max(self._looks, default=0.0)

    def awake(self) -> float:
        """A clock that stands still while the loop does: what somebody else took."""
        now = self._clock()
        late = now - self._due - _TOLERATED_SECONDS
        return now - self._stalled - (late if late > 0.0 else 0.0)

    def tick(self) -> bool:
        """Whether it came so late that `looked` is to be called after the next look at sockets."""
        now = self._clock()
        late = max(0.0, now - self._due)
        if is_late := late > _TOLERATED_SECONDS:
            self._looks.append(late)
            self._unread = max(self._looks)
        self._stalled += max(0.0, late - _TOLERATED_SECONDS)
        self._lates.append(late)
        if now >= self._window_ends and len(self._lates) >= _STANDING_TICKS:
            self.standing = min(self._lates)
            self._lates, self._window_ends = [], now + _STANDING_SECONDS
        self._due = now + TICK_SECONDS
        return is_late

    def stop(self) -> None:
        """No more ticks come, so that none is late."""
        self._stalled += max(0.0, self._clock() - self._due - _TOLERATED_SECONDS)
        self._due, self.standing, self._unread = float("inf"), 0.0, 0.0


_lags = PerLoop(lambda _loop: LoopLag())


def loop_lag() -> LoopLag:
    """That of the running loop; always zero unless the loop is `watched_loop`."""
    return _lags(asyncio.get_running_loop())


@asynccontextmanager
async def watched_loop() -> AsyncIterator[LoopLag]:
    """Measures the lag of the running loop until the end of the block."""
    loop, lag = asyncio.get_running_loop(), loop_lag()
    timer: asyncio.TimerHandle

    def look(turns: int) -> None:
        if turns:
            loop.call_soon(look, turns - 1)
        else:
            lag.looked()

    def ring() -> None:
        nonlocal timer
        if lag.tick():
            look(_TURNS)
        timer = loop.call_later(TICK_SECONDS, ring)

    ring()
    try:
        yield lag
    finally:
        timer.cancel()
        lag.stop()
