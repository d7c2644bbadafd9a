"""What was used last, within a bound of bytes: memory for what can be made again."""

from collections.abc import Callable, Hashable, Iterator
from itertools import takewhile
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# Of an entry beside what it holds: key, tuple, links.
_OVERHEAD_BYTES = 300


class Recent(Generic[K, V]):
    """Least recently used goes first. What alone exceeds the bound is not kept."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._entries: dict[K, tuple[V, int]] = {}

    def get(self, key: K) -> V | None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return None
        self._entries[key] = entry  # a dict keeps the order of insertion
        return entry[0]

    def put(self, key: K, value: V, size: int) -> None:
        """`size` in bytes, of key and value."""
        self.drop(key)
        size += _OVERHEAD_BYTES
        if size > self._max_bytes:
            return
        self._entries[key] = value, size
        self._bytes += size
        while self._bytes > self._max_bytes:
            self.drop(next(iter(self._entries)))

    def values(self) -> Iterator[V]:
        """What was used last comes first."""
        return (value for value, _ in reversed(list(self._entries.values())))

    def drop(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry[1]

    def drop_while(self, is_over: Callable[[V], bool]) -> None:
        """From the one that was used longest ago to the first of which this is not true."""
        over = takewhile(lambda item: is_over(item[1][0]), self._entries.items())
        for key in [key for key, _ in over]:
            self.drop(key)

    def __len__(self) -> int:
        return len(self._entries)
