"""How many second tries there may be."""

import time
from collections.abc import Callable

Clock = Callable[[], float]

# A quiet service may retry as well.
_RETRIES_PER_SECOND = 1.0
_MOST_SAVED = 20.0


class RetryBudget:
    """A token bucket: a share of the requests, as in Envoy's and Finagle's retry budgets, and one
    a second besides. An upstream that is down must not get twice the load when it comes back: of
    `n` requests in `t` seconds no more than `share * n + t + 20` are sent again."""

    def __init__(self, share: float = 0.1, clock: Clock = time.monotonic) -> None:
        self._share, self._clock, self._filled_at = share, clock, clock()
        self._tokens = _MOST_SAVED / 2

    def count_request(self) -> None:
        self._tokens = min(_MOST_SAVED, self._tokens + self._share)

    def take(self) -> bool:
        """True if there is a second try left; it is then gone."""
        now = self._clock()
        earned = (now - self._filled_at) * _RETRIES_PER_SECOND
        self._filled_at = now
        self._tokens = min(_MOST_SAVED, self._tokens + earned)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
