"""What became of each request, and what that says of seconds and of whole phases."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# Of an answer that is worth having: the objective of admitted requests.
SOON_SECONDS = 1.0


class Outcome(StrEnum):
    ADMITTED = "admitted"
    # 503 or 429 that says when to come back.
    SHED = "shed"
    # 502 or 504.
    FAILED = "failed"
    # What the contract does not know: another 5xx, 503 or 429 without Retry-After, a 4xx.
    BROKEN = "broken"
    # The client left: no answer in time.
    LEFT = "left"
    # Not even sent, or the connection broke.
    UNSENT = "unsent"


REFUSED = (Outcome.SHED, Outcome.FAILED, Outcome.BROKEN)


@dataclass(frozen=True, slots=True)
class Sample:
    """`planned` is when it was to be sent, on the monotonic clock, and `seconds` counts from then;
    `lag` is what the generator itself was late by."""

    kind: str
    planned: float
    seconds: float
    lag: float
    outcome: Outcome
    status: int

    @property
    def is_good(self) -> bool:
        return self.outcome is Outcome.ADMITTED and self.seconds <= SOON_SECONDS


def percentile(values: Collection[float], percent: float) -> float | None:
    ordered = sorted(values)
    return ordered[int((len(ordered) - 1) * percent / 100)] if ordered else None


@dataclass(frozen=True)
class Summary:
    """Of the requests of some seconds."""

    seconds: float
    offered: int
    good: int
    counts: dict[str, int]
    statuses: dict[str, int]
    admitted_p50: float | None
    admitted_p99: float | None
    refused_p50: float | None
    refused_p99: float | None
    lag_p99: float | None

    def per_second(self, *outcomes: Outcome) -> float:
        return sum(self.counts.get(one, 0) for one in outcomes) / self.seconds

    @property
    def good_share(self) -> float:
        return self.good / self.offered if self.offered else 1.0


def summarize(samples: Sequence[Sample], seconds: float) -> Summary:
    admitted = [one.seconds for one in samples if one.outcome is Outcome.ADMITTED]
    refused = [one.seconds for one in samples if one.outcome in REFUSED]
    return Summary(
        seconds=seconds,
        offered=len(samples),
        good=sum(one.is_good for one in samples),
        counts=_tally(str(one.outcome) for one in samples),
        statuses=_tally(str(one.status) for one in samples),
        admitted_p50=percentile(admitted, 50),
        admitted_p99=percentile(admitted, 99),
        refused_p50=percentile(refused, 50),
        refused_p99=percentile(refused, 99),
        lag_p99=percentile([one.lag for one in samples], 99),
    )


def _tally(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for name in names:
        found[name] += 1
    return dict(sorted(found.items()))


def between(samples: Iterable[Sample], begin: float, end: float) -> list[Sample]:
    return [one for one in samples if begin <= one.planned < end]


def seconds_to_normal(
    samples: Sequence[Sample], healed_at: float, until: float, share: float, running: int = 3
) -> float | None:
    """From `healed_at` to the first second from which on `running` seconds have at least this
    share of good answers; None if there is no such second."""
    by_second: dict[int, list[Sample]] = defaultdict(list)
    for one in between(samples, healed_at, until):
        by_second[int(one.planned - healed_at)].append(one)
    whole = range(int(until - healed_at))
    normal = [bool(by_second[n]) and _good_share(by_second[n]) >= share for n in whole]
    for number in whole:
        if number + running <= len(whole) and all(normal[number : number + running]):
            return float(number)
    return None


def _good_share(samples: Sequence[Sample]) -> float:
    return sum(one.is_good for one in samples) / len(samples)


def timeline(
    samples: Iterable[Sample], began: float, group_of: Callable[[str], str]
) -> list[dict[str, Any]]:
    """A row for each second and group of requests, and one for all of them."""
    by_second: dict[tuple[int, str], list[Sample]] = defaultdict(list)
    for one in samples:
        second = int(one.planned - began)
        by_second[second, "all"].append(one)
        by_second[second, group_of(one.kind)].append(one)
    return [
        {
            "second": second,
            "group": group,
            "offered": (found := summarize(some, 1.0)).offered,
            "good": found.good,
            **found.counts,
            "p50": found.admitted_p50,
            "p99": found.admitted_p99,
            "refused_p99": found.refused_p99,
            "lag_p99": found.lag_p99,
        }
        for (second, group), some in sorted(by_second.items())
    ]
