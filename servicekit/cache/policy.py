"""How old an entry may be for what."""

import random
from dataclasses import dataclass

from servicekit.cache.store import Entry

# Clocks of two machines; what comes from further ahead has no age that could be trusted.
_MAX_CLOCK_SKEW_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """The TTLs are shortened at random by up to the share `jitter`, so that entries which were
    written together do not expire together."""

    soft_ttl_seconds: float
    negative_ttl_seconds: float  # how long to believe that something does not exist
    hard_ttl_seconds: float
    # From this age on an entry calls itself stale, however it came about: a slow origin, too. No
    # less than the soft TTL.
    stale_after_seconds: float
    jitter: float = 0.15
    # A slower origin counts as unavailable, if there is an old entry to show.
    origin_timeout_seconds: float = 1.5

    def ttl_seconds(self, entry: Entry) -> float:
        return self.negative_ttl_seconds if entry.body is None else self.soft_ttl_seconds

    def is_fresh(self, entry: Entry) -> bool:
        age, ttl = entry.age_seconds(), self.ttl_seconds(entry)
        # No chance is needed for most: the shortest of all times is not over.
        if age >= (1 - self.jitter) * ttl and age >= self.jittered(ttl):
            return False
        return age > -_MAX_CLOCK_SKEW_SECONDS

    def kept_seconds(self, entry: Entry) -> float:
        """How long the store is to keep it."""
        missing = entry.body is None
        return self.jittered(self.negative_ttl_seconds if missing else self.hard_ttl_seconds)

    def jittered(self, seconds: float) -> float:
        return seconds * random.uniform(1 - self.jitter, 1)
