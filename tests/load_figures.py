"""Figures of load runs that did not take place."""

from loadtest.figures import Figures, Outcome


def filled(
    *, step: int = 1, name: str = "product page", seconds: float = 0.01, count: int = 1000
) -> Figures:
    figures = Figures()
    tally = figures.tally(step, name)
    tally.planned = count
    for _ in range(count):
        tally.record(Outcome.ANSWERED, seconds)
    return figures


def healthy() -> Figures:
    figures = Figures()
    for step in (1, 2, 3):
        for name in ("product page", "product", "order by form", "order ended"):
            figures.merge(filled(step=step, name=name))
    return figures
