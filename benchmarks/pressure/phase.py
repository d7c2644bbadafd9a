"""One scenario as it was played, and what that says of the shop."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from benchmarks.pressure.capacity import Capacity
from benchmarks.pressure.mix import GROUPS
from benchmarks.pressure.orders import Accounts
from benchmarks.pressure.samples import Sample, Summary, between, seconds_to_normal, summarize
from benchmarks.pressure.scenarios import Scenario

# Good answers of a second that counts as normal.
NORMAL_SHARE = 0.95


@dataclass
class Phase:
    """One scenario, played. Times are monotonic."""

    scenario: Scenario
    rate: float
    began: float = 0.0
    from_: float = 0.0
    until: float = 0.0
    ended: float = 0.0
    # Of an overload: for the mix that was offered, and for the one of the good answers.
    before: Capacity | None = None
    after: Capacity | None = None
    of_admitted: Capacity | None = None
    samples: list[Sample] = field(default_factory=list)
    cores: list[dict[str, float]] = field(default_factory=list)
    customers: list[dict[str, Any]] = field(default_factory=list)
    # Of the requests of all, by who refused and why.
    refusals: Counter[str] = field(default_factory=Counter)
    unresolved: int = 0
    # Stored though their clients were not told so, before the same keys were sent again.
    unasked: int = 0
    accounts: Accounts | None = None

    @property
    def during(self) -> list[Sample]:
        return between(self.samples, self.from_, self.until)

    def summary(self, groups: frozenset[str] = frozenset()) -> Summary:
        """Of the fault itself, and of these groups of requests only."""
        some = [one for one in self.during if not groups or GROUPS[one.kind] in groups]
        return summarize(some, self.until - self.from_)

    @property
    def capacity(self) -> float:
        """For the mix that was offered, on average of before and after."""
        assert self.before is not None
        assert self.after is not None
        return (self.before.rate + self.after.rate) / 2

    def admitted_mix(self) -> dict[str, int]:
        """Kinds of its good answers."""
        return Counter(one.kind for one in self.during if one.is_good)

    def goodput(self) -> float:
        """Of the capacity for the mix that was admitted."""
        return self._good_rate() / self.of_admitted.rate if self.of_admitted else 0.0

    def goodput_of_offered(self) -> float:
        return self._good_rate() / self.capacity

    def _good_rate(self) -> float:
        found = self.summary()
        return found.good / found.seconds

    def seconds_to_normal(self) -> float | None:
        return seconds_to_normal(self.samples, self.until, self.ended, NORMAL_SHARE)

    def customers_gap(self) -> float | None:
        """The longest time in which none of the customers had a success."""
        if not self.customers:
            return None
        good: list[float] = [one["ended"] for one in self.customers if 200 <= one["status"] < 400]
        moments = [self.from_, *(at for at in good if self.from_ <= at <= self.ended), self.ended]
        return max(later - earlier for earlier, later in pairwise(moments))


@dataclass
class Outcome:
    capacity: Capacity
    phases: list[Phase] = field(default_factory=list)
    wrong_stock: int = 0
