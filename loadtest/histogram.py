"""Latencies in buckets, so that those of several generators can be added up: a percentile of all
is read from the sum, never averaged from percentiles."""

import math
from collections import Counter
from typing import Any, Self

# Each bucket is one percent wider than the one before it: no figure is further off than that.
_GROWTH = math.log(1.01)
_SMALLEST_SECONDS = 1e-6


class Histogram:
    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._longest = 0.0

    def add(self, seconds: float) -> None:
        bucket = math.ceil(math.log(max(seconds, _SMALLEST_SECONDS) / _SMALLEST_SECONDS) / _GROWTH)
        self._counts[bucket] += 1
        self._longest = max(self._longest, seconds)

    def merge(self, other: "Histogram") -> None:
        self._counts.update(other._counts)
        self._longest = max(self._longest, other._longest)

    @property
    def count(self) -> int:
        return self._counts.total()

    @property
    def longest(self) -> float:
        return self._longest

    def percentile(self, percent: float) -> float | None:
        """Seconds within which that many percent were answered (nearest rank); None of nothing.
        At most 1 % too high, never too low."""
        rank = math.ceil(self.count * percent / 100)
        for bucket in sorted(self._counts):
            rank -= self._counts[bucket]
            if rank <= 0:
                return min(_SMALLEST_SECONDS * math.exp(bucket * _GROWTH), self._longest)
        return None

    def as_plain(self) -> dict[str, Any]:
        counts = {str(bucket): self._counts[bucket] for bucket in sorted(self._counts)}
        return {"counts": counts, "longest": self._longest}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        one = cls()
        one._counts.update({int(bucket): count for bucket, count in plain["counts"].items()})
        one._longest = plain["longest"]
        return one
