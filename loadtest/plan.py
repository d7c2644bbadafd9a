"""When each request of a load run starts: all of it is known before the first one, and nothing
that the shop does changes it (open loop)."""

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from loadtest.workload import SCENARIOS, requests_per_visit

MOST_STEPS = 20
HIGHEST_RATE = 5000.0
MOST_SECONDS = 3600.0
MOST_REQUESTS = 1_000_000
# Between two requests of a guest; never the same, or those of all guests would meet.
_THINK_SECONDS = (0.5, 1.5)


class PlanRefused(Exception):
    """What was asked for is out of bounds; the message is one sentence for the user."""


class Arrivals(StrEnum):
    CONSTANT = "constant"
    POISSON = "poisson"


@dataclass(frozen=True)
class Step:
    """Seconds count from the beginning of the run. Step 0 is the warm-up, which is not judged."""

    number: int
    rate: float
    begins: float
    seconds: float

    @property
    def ends(self) -> float:
        return self.begins + self.seconds


@dataclass(frozen=True)
class Visit:
    """One guest's way through the shop; `starts` has that of each request, in seconds since the
    beginning of the run."""

    number: int
    step: int
    scenario: str
    starts: tuple[float, ...]

    @property
    def requests(self) -> tuple[str, ...]:
        return SCENARIOS[self.scenario].requests


@dataclass(frozen=True)
class Plan:
    """`rates` are requests per second, one for each step."""

    rates: tuple[float, ...]
    step_seconds: float = 30.0
    # What a step left behind should not be counted against the next one.
    rest_seconds: float = 5.0
    warm_up_seconds: float = 5.0
    arrivals: Arrivals = Arrivals.POISSON
    seed: int = 1
    # For one answer. Above the 10 s of the ingress, whose 504 must be seen as such.
    timeout_seconds: float = 12.0
    # An order that has not ended by then never will, as far as its guest is concerned.
    order_timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= len(self.rates) <= MOST_STEPS:
            raise PlanRefused(f"A run has 1 to {MOST_STEPS} steps.")
        if not all(0 < rate <= HIGHEST_RATE for rate in self.rates):
            raise PlanRefused(f"A rate is above 0 and at most {HIGHEST_RATE:.0f} requests/s.")
        # In this form, since nothing is true of a NaN.
        if not (self.step_seconds > 0 and self.rest_seconds >= 0 and self.warm_up_seconds >= 0):
            raise PlanRefused("A step lasts longer than 0 s, a rest or a warm-up at least that.")
        if not (0 < self.timeout_seconds <= 60 and 0 < self.order_timeout_seconds <= 600):
            raise PlanRefused("A guest waits up to 60 s for an answer, 600 s for an order's end.")
        if not self.seconds <= MOST_SECONDS:
            raise PlanRefused(f"All steps together last at most {MOST_SECONDS:.0f} s.")
        if sum(step.rate * step.seconds for step in self.steps) > MOST_REQUESTS:
            raise PlanRefused(f"A run has at most {MOST_REQUESTS} requests.")

    @property
    def steps(self) -> tuple[Step, ...]:
        steps, begins = [], 0.0
        if self.warm_up_seconds:
            steps.append(Step(0, self.rates[0], 0.0, self.warm_up_seconds))
            begins = steps[0].ends + self.rest_seconds
        for number, rate in enumerate(self.rates, 1):
            steps.append(Step(number, rate, begins, self.step_seconds))
            begins = steps[-1].ends + self.rest_seconds
        return tuple(steps)

    @property
    def seconds(self) -> float:
        return self.steps[-1].ends

    @property
    def longest_visit_seconds(self) -> float:
        """Of a guest who waits for every answer as long as they can."""
        requests = max(len(one.requests) for one in SCENARIOS.values())
        think = (requests - 1) * _THINK_SECONDS[1]
        # One answer may begin just before the order times out.
        return think + (requests + 1) * self.timeout_seconds + self.order_timeout_seconds

    def visits(self, share: int = 0, of: int = 1) -> Iterator[Visit]:
        """In the order of their starts: the whole plan, or every `of`-th of them for one of
        several generators, which together make the same plan again."""
        for visit in self._all_visits():
            if visit.number % of == share:
                yield visit

    def _all_visits(self) -> Iterator[Visit]:
        number, weights = 0, [scenario.weight for scenario in SCENARIOS.values()]
        for step in self.steps:
            # One for each step: a step is the same whatever comes before it.
            rng = random.Random(f"{self.seed}/{step.number}")
            for start in self._starts(step, rng):
                (scenario,) = rng.choices(list(SCENARIOS.values()), weights=weights)
                starts = [start]
                for _ in scenario.requests[1:]:
                    starts.append(starts[-1] + rng.uniform(*_THINK_SECONDS))
                yield Visit(number, step.number, scenario.name, tuple(starts))
                number += 1

    def _starts(self, step: Step, rng: random.Random) -> Iterator[float]:
        per_second = step.rate / requests_per_visit()
        gap = 1 / per_second
        start = step.begins + gap / 2
        if self.arrivals is Arrivals.POISSON:
            start = step.begins + rng.expovariate(per_second)
        while start < step.ends:
            yield start
            start += gap if self.arrivals is Arrivals.CONSTANT else rng.expovariate(per_second)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "arrivals": str(self.arrivals)}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Self:
        rates, arrivals = tuple(plain["rates"]), Arrivals(plain["arrivals"])
        return cls(**{**plain, "rates": rates, "arrivals": arrivals})


def read_rates(text: str) -> tuple[float, ...]:
    """`20,40,80`; raises PlanRefused for anything else."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise PlanRefused(f"Steps are rates such as 20,40,80, not {text!r}.") from None
