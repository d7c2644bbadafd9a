"""What this process remembers of a cache, so that what is asked for often costs no command."""

import time

from servicekit.cache.policy import CachePolicy
from servicekit.cache.store import Entry
from servicekit.recent import Recent

# How long this process believes its own memory before it looks into the store again, where
# whoever has changed the origin unlinks what is no longer true.
_REMEMBERED_SECONDS = 0.5


class Memory:
    """Never believes an entry for longer than the policy would, counted from its `read_at`: the
    time in Redis and the time in here are one. Bounded in bytes; 0 remembers nothing. What is not
    believed any more goes with the next one that comes: within its bound it would stay for ever."""

    def __init__(self, policy: CachePolicy, max_bytes: int) -> None:
        self._policy = policy
        # Each with the end of its time, on a clock that nobody sets back.
        self._entries: Recent[str, tuple[Entry, float]] = Recent(max_bytes)

    def recall(self, key: str) -> Entry | None:
        remembered = self._entries.get(key) if self._entries else None
        if remembered is None or time.monotonic() >= remembered[1]:
            return None
        return remembered[0]

    def remember(self, key: str, entry: Entry) -> None:
        policy, now = self._policy, time.monotonic()
        self._entries.drop_while(lambda remembered: remembered[1] <= now)
        left = policy.jittered(policy.ttl_seconds(entry)) - entry.age_seconds()
        end = now + min(left, _REMEMBERED_SECONDS)
        self._entries.put(key, (entry, end), len(key) + len(entry.body or b""))
