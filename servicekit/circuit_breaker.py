"""A circuit breaker: a dependency that does not answer is not asked by every request."""

import time
from collections.abc import Callable


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
        clock: Callable[[], float] = time.monotonic,
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
