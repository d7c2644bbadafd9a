"""What a load run is judged by, and the judgement."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.figures import LATE_SECONDS, Figures, Outcome, Tally
from loadtest.plan import Plan, Step
from loadtest.workload import COMPLETION, GROUPS

# Per group: 99 of 100 requests are answered within this time of their planned start. "completions"
# are the time from the request that ordered until the order is seen confirmed or rejected.
P99_SECONDS = {"pages": 0.5, "reads": 0.25, "orders": 0.5, "completions": 5.0}
# Shares of what was started, each step by itself.
MOST_ERRORS = 0.001
MOST_LIMITED = 0.001
# Of what was planned. Above it the generator was measured and not the shop.
MOST_MISSED = 0.02

EXIT_PASS, EXIT_FAIL, EXIT_REFUSED, EXIT_INVALID = 0, 1, 2, 3


@dataclass(frozen=True)
class StepVerdict:
    """`faults` say why the step counts for nothing, `failures` which objectives were not met."""

    step: Step
    faults: tuple[str, ...]
    failures: tuple[str, ...]

    @property
    def outcome(self) -> str:
        if self.faults:
            return "invalid"
        return "fail" if self.failures else "pass"


@dataclass(frozen=True)
class Verdict:
    steps: tuple[StepVerdict, ...]
    # Why the run as a whole counts for nothing.
    faults: tuple[str, ...]

    @property
    def valid(self) -> bool:
        return not self.faults and not any(step.faults for step in self.steps)

    @property
    def first_fail(self) -> StepVerdict | None:
        return next((step for step in self.steps if step.outcome == "fail"), None)

    @property
    def last_pass(self) -> StepVerdict | None:
        """The last step before the first that did not pass."""
        passed = None
        for step in self.steps:
            if step.outcome != "pass":
                break
            passed = step
        return passed

    @property
    def exit_code(self) -> int:
        if not self.valid:
            return EXIT_INVALID
        return EXIT_FAIL if self.first_fail else EXIT_PASS


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
    requests = requests_of(tallies)
    faults = []
    if requests.missed > requests.planned * MOST_MISSED:
        faults.append(_missed(requests))
    elif not requests.started:
        faults.append("nothing was started")
    failures = [*_slow_groups(tallies), *_bad_shares(tallies, requests)]
    return StepVerdict(step, tuple(faults), tuple(failures))


def requests_of(tallies: dict[str, Tally]) -> Tally:
    """All that the generator starts: an order's end is only awaited."""
    return Tally.merged(tally for name, tally in tallies.items() if name != COMPLETION)


def groups_of(tallies: dict[str, Tally]) -> dict[str, Tally]:
    """The classes of each group added up."""
    return {
        group: Tally.merged(tally for name, tally in tallies.items() if GROUPS[name] == group)
        for group in P99_SECONDS
    }


def _slow_groups(tallies: dict[str, Tally]) -> list[str]:
    slow = []
    for group, tally in groups_of(tallies).items():
        p99, most = tally.milliseconds(99), P99_SECONDS[group] * 1000
        if p99 is not None and p99 > most:
            slow.append(f"{group}: p99 {p99:.0f} ms > {most:.0f} ms")
    return slow


def _bad_shares(tallies: dict[str, Tally], requests: Tally) -> list[str]:
    bad = []
    if requests.errors > requests.started * MOST_ERRORS:
        bad.append(f"errors: {requests.errors} of {requests.started} > {MOST_ERRORS:.1%}")
    if requests.limited > requests.started * MOST_LIMITED:
        bad.append(f"429: {requests.limited} of {requests.started} > {MOST_LIMITED:.1%}")
    endless = tallies.get(COMPLETION, Tally()).outcomes[Outcome.WRONG]
    if endless:
        bad.append(f"orders that did not end: {endless}")
    return bad


def _missed(tally: Tally) -> str:
    return (
        f"the generator missed {tally.missed} of {tally.planned} starts "
        f"(more than {LATE_SECONDS * 1000:.0f} ms late, or never): over {MOST_MISSED:.0%}"
    )
