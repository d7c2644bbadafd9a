"""What a load run counts, per step and class. Locust's statistics carry the requests, also from
several workers; what Locust does not know travels beside them as `Counts`."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, Self

# A start later than this after its time in the plan is a missed one: the generator is too slow.
LATE_SECONDS = 0.1

# Each bucket is one percent wider than the one before it: no figure is further off than that.
_GROWTH = 1.01
_SMALLEST_MILLISECONDS = 1e-3


def bucket(milliseconds: float) -> float:
    """The upper bound of a response time's bucket, for Locust's statistics, which by themselves
    round to two digits: 254 ms would be within 250."""
    times = max(milliseconds, _SMALLEST_MILLISECONDS) / _SMALLEST_MILLISECONDS
    return float(_SMALLEST_MILLISECONDS * _GROWTH ** math.ceil(math.log(times) / math.log(_GROWTH)))


class Outcome(StrEnum):
    ANSWERED = "answered"
    # The ingress or the gateway keeps load away: neither an error nor a success.
    LIMITED = "429"
    CLIENT = "4xx"
    SERVER = "5xx"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    WRONG = "wrong content"


ERRORS = tuple(one for one in Outcome if one not in (Outcome.ANSWERED, Outcome.LIMITED))
# What Locust does not count, by step, class and field of the Tally.
Field = Literal["planned", "late", "given_up"]
Counts = Counter[tuple[int, str, Field]]


@dataclass
class Tally:
    """Of one class in one step. `late` are starts too, `given_up` are requests of a guest whose
    visit an error (or a sold-out watch) had ended; both were planned."""

    planned: int = 0
    late: int = 0
    given_up: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    # From the planned start, of every outcome but 429: errors must not look fast by hiding.
    response_times: Counter[float] = field(default_factory=Counter)
    longest_milliseconds: float = 0.0

    @property
    def started(self) -> int:
        return self.outcomes.total()

    @property
    def answered(self) -> int:
        return self.outcomes[Outcome.ANSWERED]

    @property
    def limited(self) -> int:
        return self.outcomes[Outcome.LIMITED]

    @property
    def errors(self) -> int:
        return sum(self.outcomes[one] for one in ERRORS)

    @property
    def missed(self) -> int:
        """Starts that the generator made too late or not at all."""
        return self.late + max(self.planned - self.started - self.given_up, 0)

    def milliseconds(self, percent: float) -> float | None:
        """Within which that many percent were answered (nearest rank); None of nothing. At most
        1 % too high, never too low."""
        rank = math.ceil(self.response_times.total() * percent / 100)
        for upper_bound in sorted(self.response_times):
            rank -= self.response_times[upper_bound]
            if rank <= 0:
                return min(upper_bound, self.longest_milliseconds)
        return None

    def merge(self, other: "Tally") -> None:
        self.planned += other.planned
        self.late += other.late
        self.given_up += other.given_up
        self.outcomes.update(other.outcomes)
        self.response_times.update(other.response_times)
        self.longest_milliseconds = max(self.longest_milliseconds, other.longest_milliseconds)

    @classmethod
    def merged(cls, parts: Iterable["Tally"]) -> Self:
        whole = cls()
        for part in parts:
            whole.merge(part)
        return whole


class LocustEntry(Protocol):
    """What is read of `locust.stats.StatsEntry`. Its method is the step, its name the class."""

    method: str
    name: str
    num_requests: int
    num_failures: int
    response_times: Mapping[float, int]
    max_response_time: float


class LocustError(Protocol):
    method: str
    name: str
    error: Any
    occurrences: int


class Figures:
    def __init__(self) -> None:
        self._tallies: dict[tuple[int, str], Tally] = {}
        # What went wrong, in words, for whoever has to find out why.
        self.failures: Counter[str] = Counter()

    @classmethod
    def from_locust(
        cls, entries: Iterable[LocustEntry], errors: Iterable[LocustError], counts: Counts
    ) -> Self:
        """An error's text begins with its outcome, see `failure_text`."""
        figures = cls()
        for entry in entries:
            tally = figures.tally(int(entry.method), entry.name)
            tally.outcomes[Outcome.ANSWERED] += entry.num_requests - entry.num_failures
            tally.response_times.update(entry.response_times)
            tally.longest_milliseconds = entry.max_response_time
        for error in errors:
            tally = figures.tally(int(error.method), error.name)
            outcome, _, detail = str(error.error).partition(": ")
            tally.outcomes[Outcome(outcome)] += error.occurrences
            figures.failures[f"{error.name}: {detail or outcome}"] += error.occurrences
        for (step, name, what), count in counts.items():
            setattr(figures.tally(step, name), what, count)
        return figures

    def tally(self, step: int, name: str) -> Tally:
        return self._tallies.setdefault((step, name), Tally())

    def of_step(self, step: int) -> dict[str, Tally]:
        return {name: tally for (number, name), tally in self._tallies.items() if number == step}

    def to_dict(self) -> dict[str, Any]:
        return {
            "tallies": [
                {"step": step, "class": name, **vars(tally)}
                for (step, name), tally in sorted(self._tallies.items())
            ],
            "failures": dict(self.failures),
        }


def failure_text(outcome: Outcome, detail: str = "") -> str:
    return f"{outcome}: {detail}" if detail else str(outcome)
