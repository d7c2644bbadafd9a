"""What must hold of each scenario, and what of that did not."""

from collections.abc import Iterator

from benchmarks.pressure import samples
from benchmarks.pressure.phase import Phase

MOST_ADMITTED_SECONDS = 1.0
MOST_REFUSED_SECONDS = 0.5
MOST_USUAL_REFUSED_SECONDS = 0.1
# The frontend's own limit and a second.
MOST_ANSWER_SECONDS = 7.0
MOST_SECONDS_TO_NORMAL = 10.0
MOST_CUSTOMERS_GAP = 5.0
LEAST_SPARED = 0.95
MOST_LAG_SECONDS = 0.1


def failures(phase: Phase) -> list[str]:
    """What did not hold, in words; empty if all did."""
    return [*_of_answers(phase), *_of_orders(phase)]


def _of_answers(phase: Phase) -> Iterator[str]:
    scenario, found = phase.scenario, phase.summary()
    if scenario.least_goodput and (goodput := phase.goodput()) < scenario.least_goodput:
        yield f"goodput {goodput:.0%} < {scenario.least_goodput:.0%}"
    if scenario.spared:
        spared = phase.summary(scenario.spared)
        if spared.good_share < LEAST_SPARED:
            yield f"{'+'.join(sorted(scenario.spared))} {spared.good_share:.0%} good"
        p99 = spared.admitted_p99
    else:
        p99 = found.admitted_p99 if scenario.times else None
    if p99 is not None and p99 > MOST_ADMITTED_SECONDS:
        yield f"p99 admitted {p99:.2f} s"
    if scenario.times and (found.refused_p99 or 0) > MOST_REFUSED_SECONDS:
        yield f"p99 refused {found.refused_p99:.2f} s"
    if (found.refused_p99 or 0) > MOST_ANSWER_SECONDS:
        yield f"refusals take {found.refused_p99:.1f} s"
    if not scenario.times and (found.refused_p50 or 0) > MOST_USUAL_REFUSED_SECONDS:
        yield f"half of the refusals take more than {found.refused_p50:.2f} s"
    for outcome in (samples.Outcome.BROKEN, samples.Outcome.LEFT, samples.Outcome.UNSENT):
        if count := samples.summarize(phase.samples, 1).counts.get(outcome, 0):
            yield f"{count} {outcome}"
    normal = phase.seconds_to_normal()
    if normal is None or normal > MOST_SECONDS_TO_NORMAL:
        yield "not normal in time"
    gap = phase.customers_gap()
    if gap is not None and gap > MOST_CUSTOMERS_GAP:
        yield f"customers without success for {gap:.0f} s"
    if (found.lag_p99 or 0) > MOST_LAG_SECONDS:
        yield f"INVALID: the generator was late by {found.lag_p99:.2f} s"


def _of_orders(phase: Phase) -> Iterator[str]:
    if phase.unresolved:
        yield f"{phase.unresolved} keys without an end"
    if phase.accounts is not None:
        if phase.accounts.lost:
            yield f"{phase.accounts.lost} orders LOST"
        if phase.accounts.doubled:
            yield f"{phase.accounts.doubled} orders DOUBLED"
