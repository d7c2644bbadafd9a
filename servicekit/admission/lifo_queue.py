"""Who waits at a limiter: the last to come is served first, and nobody waits long."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

# Once a queue has stood for longer than its usual time: waiting helps over a burst, while
# under lasting load it only makes everybody late.
_SHORT_SECONDS = 0.003
# So many times its usual time after it stood, it has not been long ago.
_LATELY_TIMES = 3


@dataclass(frozen=True, slots=True)
class QueueSettings:
    length: int = 32
    seconds: float = 0.1


class LifoQueue(Generic[T]):
    """At most `length` wait, for `seconds` at most. One that has not been empty for that long is a
    standing queue, in which nobody waits any more than a moment (controlled delay: CoDel, and
    the adaptive LIFO of "Fail at Scale", ACM Queue 13/8). Last in, first out: the first have the
    least time left to use what they get."""

    def __init__(self, settings: QueueSettings) -> None:
        self._settings = settings
        self._waiting = deque[tuple[float, T]]()
        self._empty_at = self._stood_at = float("-inf")

    def __len__(self) -> int:
        return len(self._waiting)

    def push(self, item: T, now: float) -> T | None:
        """Who has to leave for it: the oldest of a queue that is full."""
        if not self._waiting:
            self._empty_at = now
        self._waiting.append((now, item))
        return self._waiting.popleft()[1] if len(self._waiting) > self._settings.length else None

    def pop(self) -> T | None:
        return self._waiting.pop()[1] if self._waiting else None

    def remove(self, item: T) -> None:
        """If it is still there."""
        for pair in self._waiting:
            if pair[1] is item:
                self._waiting.remove(pair)
                return

    def is_standing(self, now: float) -> bool:
        stands = bool(self._waiting) and now - self._empty_at > self._settings.seconds
        if stands:
            self._stood_at = now
        return stands

    def stood_lately(self, now: float) -> bool:
        """One in which nobody may wait is empty at once, which says nothing about the load."""
        lately = _LATELY_TIMES * self._settings.seconds
        return self.is_standing(now) or now - self._stood_at < lately

    def has_room(self, coming: int) -> bool:
        """For those who are on their way, and one more."""
        return len(self._waiting) + coming < self._settings.length

    def max_wait(self, now: float) -> float:
        seconds = self._settings.seconds
        return min(_SHORT_SECONDS, seconds) if self.is_standing(now) else seconds

    def expire(self, now: float) -> Iterator[T]:
        """Take out who has waited long enough."""
        came_before = now - self.max_wait(now)
        while self._waiting and self._waiting[0][0] <= came_before:
            yield self._waiting.popleft()[1]

    def next_expiry(self, now: float) -> float | None:
        """When to ask again; None while nobody waits."""
        if not self._waiting:
            return None
        return max(now, self._waiting[0][0] + self.max_wait(now))
