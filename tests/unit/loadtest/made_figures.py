"""Figures of load runs that did not take place."""

from loadtest.figures import Figures, Outcome, bucket
from loadtest.plan import Plan

PLAN = Plan((20.0, 40.0, 80.0))


def add(
    figures: Figures,
    count: int,
    *,
    step: int = 1,
    name: str = "product page",
    milliseconds: float = 10.0,
    outcome: Outcome = Outcome.ANSWERED,
    late: bool = False,
) -> Figures:
    """So many requests, all planned and all alike."""
    tally = figures.tally(step, name)
    tally.planned += count
    tally.late += count * late
    tally.outcomes[outcome] += count
    if outcome is not Outcome.LIMITED:
        tally.response_times[bucket(milliseconds)] += count
        tally.longest_milliseconds = max(tally.longest_milliseconds, milliseconds)
    return figures


def healthy() -> Figures:
    """A thousand requests of each group in each step, answered in 10 ms."""
    figures = Figures()
    for step in (1, 2, 3):
        for name in ("product page", "product", "order by form", "order completed"):
            add(figures, 1000, step=step, name=name)
    return figures
