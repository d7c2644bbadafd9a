"""How much the gateway passes on: requests under way, second tries, orders of one guest."""

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

Clock = Callable[[], float]

# Of all requests, as in Envoy's and Finagle's retry budgets: an upstream that is down must not
# get twice the load when it comes back.
_RETRIED_SHARE = 0.1
# A quiet gateway may retry as well.
_RETRIES_PER_SECOND = 1.0
_MAX_SAVED_RETRIES = 20.0
_BURST_SECONDS = 5
_MAX_GUESTS = 50_000


class TooManyInFlight(Exception):
    """The limit of requests under way is reached."""


class InFlightLimit:
    """Counts requests under way, and refuses at once instead of queueing."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.count = 0

    def __enter__(self) -> None:
        if self.count >= self._limit:
            raise TooManyInFlight
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self.count -= 1


class RetryBudget:
    """Second tries: a share of the requests, and a few a second besides."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock, self._filled_at = clock, clock()
        self._tokens = _MAX_SAVED_RETRIES / 2

    def count_request(self) -> None:
        self._tokens = min(_MAX_SAVED_RETRIES, self._tokens + _RETRIED_SHARE)

    def take(self) -> bool:
        """True if there is a second try left; it is then gone."""
        now = self._clock()
        earned = (now - self._filled_at) * _RETRIES_PER_SECOND
        self._filled_at = now
        self._tokens = min(_MAX_SAVED_RETRIES, self._tokens + earned)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


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
