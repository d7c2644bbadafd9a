"""How many orders of one guest the gateway passes on."""

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

Clock = Callable[[], float]

_BURST_SECONDS = 5
_MAX_GUESTS = 50_000


class GuestRate:
    """A token bucket for each guest: `per_second` orders, bursts of five times that.

    A bucket that was left alone for as long as a burst takes to refill is full again and can be
    forgotten, so that only guests of the last seconds cost memory, and never more than
    `_MAX_GUESTS` of them.
    """

    def __init__(self, per_second: float, clock: Clock = time.monotonic) -> None:
        self._rate, self._clock = per_second, clock
        self._burst = max(1.0, per_second * _BURST_SECONDS)
        # Least recently seen first: (tokens, when they were counted).
        self._buckets: OrderedDict[UUID, tuple[float, float]] = OrderedDict()

    def seconds_to_wait(self, guest_id: UUID) -> float:
        """0 if this order may pass, and it then counts; else the time until the next may."""
        if not self._rate:
            return 0.0
        now = self._clock()
        self._forget_full(now)
        tokens, counted_at = self._buckets.pop(guest_id, (self._burst, now))
        tokens = min(self._burst, tokens + (now - counted_at) * self._rate)
        wait = max(0.0, (1 - tokens) / self._rate)
        self._buckets[guest_id] = (tokens if wait else tokens - 1, now)
        return wait

    def _forget_full(self, now: float) -> None:
        while self._buckets:
            guest_id, (_, counted_at) = next(iter(self._buckets.items()))
            is_full = now - counted_at >= self._burst / self._rate
            if not is_full and len(self._buckets) < _MAX_GUESTS:
                break
            del self._buckets[guest_id]
