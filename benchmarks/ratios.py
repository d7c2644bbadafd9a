"""Pairs of what does the same in two ways, measured side by side and interleaved, as ratios."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.closed_loop import Target, measure
from benchmarks.cores import cpu_seconds


@dataclass(frozen=True)
class Rates:
    """Of one measurement. On a machine that others use as well, the time that they take makes the
    first swing, and the second hardly."""

    per_second: float
    per_cpu_second: float | None
    # The 99th percentile of what an answer took, by the median; None where nothing is answered.
    tail: float | None = None

    def __truediv__(self, other: "Rates") -> "Rates":
        if self.per_cpu_second is None or other.per_cpu_second is None:
            return Rates(self.per_second / other.per_second, None)
        return Rates(self.per_second / other.per_second, self.per_cpu_second / other.per_cpu_second)


@dataclass(frozen=True)
class Load:
    connections: int
    seconds: float


class Side(Protocol):
    """What is measured: one way to do something."""

    def rates(self, load: Load) -> Rates: ...


@dataclass(frozen=True)
class Answers:
    """The answers to requests at saturation."""

    target: Target

    def rates(self, load: Load) -> Rates:
        before = cpu_seconds(self.target.pids)
        found = measure(self.target, connections=load.connections, seconds=load.seconds)
        after = cpu_seconds(self.target.pids)
        per_second = found.answers / found.seconds
        tail = found.percentile(99) / found.percentile(50)
        if before is None or after is None or before == after:
            return Rates(per_second, None, tail)
        return Rates(per_second, found.answers / (after - before), tail)


@dataclass(frozen=True)
class Pair:
    """Two sides; the ratio is the rate of `one` divided by that of `other`."""

    name: str
    title: str
    one: Side
    other: Side


@dataclass(frozen=True)
class Result:
    """The ratios of one pair, one per round."""

    pair: Pair
    ratios: tuple[Rates, ...]


@dataclass(frozen=True)
class Spread:
    """The middle and the extremes of some ratios."""

    median: float
    least: float
    most: float

    @property
    def width(self) -> float:
        """Between the extremes, in relation to the median."""
        return (self.most - self.least) / self.median


def spread_of(ratios: Iterable[float | None]) -> Spread | None:
    known = [ratio for ratio in ratios if ratio is not None]
    return Spread(statistics.median(known), min(known), max(known)) if known else None


def compare(
    pairs: Sequence[Pair], load: Load, rounds: int, progress: Callable[[str], None]
) -> list[Result]:
    """Rounds of all pairs, so that a slow minute of the machine meets all of them; which side of
    a pair goes first alternates."""
    ratios: dict[str, list[Rates]] = {pair.name: [] for pair in pairs}
    for pair in pairs:
        progress(f"warming up: {pair.title}")
        for side in (pair.one, pair.other):
            side.rates(load)
    for number in range(1, rounds + 1):
        for pair in pairs:
            ratios[pair.name].append(_ratio(pair, load, swapped=number % 2 == 0))
        latest = "   ".join(f"{name} {found[-1].per_second:.2f}" for name, found in ratios.items())
        progress(f"round {number} of {rounds}:   {latest}")
    return [Result(pair, tuple(ratios[pair.name])) for pair in pairs]


def _ratio(pair: Pair, load: Load, swapped: bool) -> Rates:
    if swapped:
        other = pair.other.rates(load)
        return pair.one.rates(load) / other
    return pair.one.rates(load) / pair.other.rates(load)


def tails(
    sides: dict[str, Side], load: Load, rounds: int, progress: Callable[[str], None]
) -> dict[str, Spread]:
    """p99 divided by p50 of each at saturation, in rounds of all."""
    found: dict[str, list[float | None]] = {title: [] for title in sides}
    for number in range(rounds + 1):
        progress(f"tails: round {number} of {rounds}" if number else "tails: warming up")
        for title, side in sides.items():
            rates = side.rates(load)
            if number:
                found[title].append(rates.tail)
    spreads = {title: spread_of(values) for title, values in found.items()}
    return {title: spread for title, spread in spreads.items() if spread}
