"""What a load run is judged by, and the judgement."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.figures import LATE_SECONDS, Figures, Outcome, Tally
from loadtest.mix import GROUPS
from loadtest.plan import Plan, Step

# Per group: 99 of 100 requests are answered within this time of their planned start. "ends" is
# the time from the click that ordered until the order is seen confirmed or rejected.
P99_SECONDS = {"pages": 0.5, "reads": 0.25, "orders": 0.5, "ends": 5.0}
# Shares of what was started, each step by itself.
MOST_ERRORS = 0.001
MOST_LIMITED = 0.001
# Of what was planned. Above it the generator was measured and not the shop.
MOST_MISSED = 0.02

EXIT_HELD, EXIT_BROKEN, EXIT_REFUSED, EXIT_INVALID = 0, 1, 2, 3


@dataclass(frozen=True)
class StepVerdict:
    """`faults` say why the step counts for nothing, `broken` which objectives do not hold."""

    step: Step
    faults: tuple[str, ...]
    broken: tuple[str, ...]

    @property
    def word(self) -> str:
        if self.faults:
            return "invalid"
        return "broken" if self.broken else "held"


@dataclass(frozen=True)
class Verdict:
    steps: tuple[StepVerdict, ...]
    # Why the run as a whole counts for nothing.
    faults: tuple[str, ...]

    @property
    def valid(self) -> bool:
        return not self.faults and not any(step.faults for step in self.steps)

    @property
    def first_broken(self) -> StepVerdict | None:
        return next((step for step in self.steps if step.word == "broken"), None)

    @property
    def highest_held(self) -> StepVerdict | None:
        """The last step before the first that did not hold."""
        held = None
        for step in self.steps:
            if step.word != "held":
                break
            held = step
        return held

    @property
    def exit_code(self) -> int:
        if not self.valid:
            return EXIT_INVALID
        return EXIT_BROKEN if self.first_broken else EXIT_HELD


def judge(plan: Plan, figures: Figures, faults: Sequence[str] = ()) -> Verdict:
    """`faults` are those that the counts do not show, such as a generator that was lost."""
    found = list(faults)
    judged = [step for step in plan.steps if step.number]
    everything = Tally.merged(
        tally for step in judged for tally in figures.of_step(step.number).values()
    )
    if not found and not everything.started:
        found.append("nothing was started")
    if everything.missed > everything.planned * MOST_MISSED:
        found.append(_missed(everything))
    steps = tuple(judge_step(step, figures.of_step(step.number)) for step in judged)
    return Verdict(steps, tuple(found))


def judge_step(step: Step, tallies: dict[str, Tally]) -> StepVerdict:
    clicks = clicks_of(tallies)
    faults = []
    if clicks.missed > clicks.planned * MOST_MISSED:
        faults.append(_missed(clicks))
    elif not clicks.started:
        faults.append("nothing was started")
    broken = [*_slow_groups(tallies), *_bad_shares(tallies, clicks)]
    return StepVerdict(step, tuple(faults), tuple(broken))


def clicks_of(tallies: dict[str, Tally]) -> Tally:
    """All that the generator starts: an order's end is only awaited."""
    return Tally.merged(tally for name, tally in tallies.items() if GROUPS[name] != "ends")


def groups_of(tallies: dict[str, Tally]) -> dict[str, Tally]:
    """The classes of each group added up."""
    return {
        group: Tally.merged(tally for name, tally in tallies.items() if GROUPS[name] == group)
        for group in P99_SECONDS
    }


def _slow_groups(tallies: dict[str, Tally]) -> list[str]:
    slow = []
    for group, tally in groups_of(tallies).items():
        p99 = tally.latency.percentile(99)
        if p99 is not None and p99 > P99_SECONDS[group]:
            slow.append(f"{group}: p99 {p99 * 1000:.0f} ms > {P99_SECONDS[group] * 1000:.0f} ms")
    return slow


def _bad_shares(tallies: dict[str, Tally], clicks: Tally) -> list[str]:
    bad = []
    if clicks.errors > clicks.started * MOST_ERRORS:
        bad.append(f"errors: {clicks.errors} of {clicks.started} > {MOST_ERRORS:.1%}")
    if clicks.limited > clicks.started * MOST_LIMITED:
        bad.append(f"429: {clicks.limited} of {clicks.started} > {MOST_LIMITED:.1%}")
    endless = sum(
        tally.outcomes[Outcome.WRONG] for name, tally in tallies.items() if GROUPS[name] == "ends"
    )
    if endless:
        bad.append(f"orders that did not end: {endless}")
    return bad


def _missed(tally: Tally) -> str:
    return (
        f"the generator missed {tally.missed} of {tally.planned} starts "
        f"(more than {LATE_SECONDS * 1000:.0f} ms late, or never): over {MOST_MISSED:.0%}"
    )
