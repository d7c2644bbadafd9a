"""What a shop can do if nobody asks for more than that: closed loops, of which the best counts."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.pressure.generator import Generator
from benchmarks.pressure.watching import cpu_by_name

# Connections of each loop.
_CLOSED = (8, 16, 32)


@dataclass(frozen=True)
class Capacity:
    """Good answers a second by number of connections, and what the processes computed for all of
    these answers together."""

    closed: Mapping[int, float]
    good: int = 0
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return max(self.closed.values())


async def measure_capacity(
    generator: Generator, seconds: float, shares: Mapping[str, float], pids: Mapping[str, int]
) -> Capacity:
    """For kinds of requests in these shares, with so many seconds for each loop."""
    await generator.saturate(_CLOSED[-1], seconds / 2, shares)
    rates, total, before = dict[int, float](), 0, cpu_by_name(pids)
    for connections in _CLOSED:
        began = time.monotonic()
        samples = await generator.saturate(connections, seconds, shares)
        good = sum(one.is_good for one in samples)
        rates[connections] = good / (time.monotonic() - began)
        total += good
    after = cpu_by_name(pids)
    return Capacity(rates, total, {name: after[name] - before[name] for name in after})
