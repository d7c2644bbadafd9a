"""A finished load run as text, JSON and CSV."""

import csv
import io
import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadtest.figures import ERRORS, Figures, Outcome, Tally
from loadtest.objectives import P99_SECONDS, StepVerdict, Verdict, groups_of
from loadtest.plan import Arrivals, Plan
from loadtest.report.plot import draw
from loadtest.report.tables import tables
from loadtest.workload import GROUPS

PERCENTILES = (50, 95, 99)
# With fewer answers than this the p99 is the slowest one, whatever that was.
_FEW = 100


@dataclass(frozen=True)
class Result:
    """`about` is what has to be known to repeat the run; `usage` has cores and memory of each
    service per step, `generator_cores` those of the busiest generator."""

    plan: Plan
    figures: Figures
    verdict: Verdict
    about: Mapping[str, str]
    usage: Mapping[int, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    generator_cores: Mapping[int, float] = field(default_factory=dict)

    def save(self, folder: Path) -> Path:
        """Into a new folder of its own; returns it."""
        target = folder / self.about["date"].replace(":", "").replace(" ", "-")
        number = 1
        while True:
            try:
                target.mkdir(parents=True)
                break
            except FileExistsError:
                number += 1
                target = target.with_name(f"{target.name.partition('_')[0]}_{number}")
        (target / "report.txt").write_text(self.text() + "\n", encoding="utf-8")
        (target / "figures.json").write_text(self.json() + "\n", encoding="utf-8")
        (target / "figures.csv").write_text(self.csv(), encoding="utf-8")
        markdown = tables(self.verdict, self.figures, self.usage, self.about)
        (target / "tables.md").write_text(markdown, encoding="utf-8")
        (target / "latency.svg").write_text(
            draw(self.verdict, self.figures, dict(self.about)), encoding="utf-8"
        )
        return target

    def text(self) -> str:
        lines = [f"{name:<9} {value}" for name, value in self.about.items()]
        for step in self.verdict.steps:
            lines += ["", *self._step(step)]
        lines += ["", *self._end()]
        return "\n".join(lines)

    def _step(self, verdict: StepVerdict) -> Iterator[str]:
        step = verdict.step
        tallies = self.figures.of_step(step.number)
        offered = f"{step.rate:g} requests/s for {step.seconds:g} s"
        yield f"step {step.number}: {offered}: {verdict.outcome}"
        yield (
            f"  {'class':<17}{'planned':>8}{'started':>8}{'answered':>9}"
            f"{'p50':>8}{'p95':>8}{'p99':>8}{'worst':>8}  ms{'429':>6}{'errors':>7}{'given up':>9}"
        )
        for name in GROUPS:
            if name in tallies:
                yield _row(name, tallies[name])
        for group, tally in groups_of(tallies).items():
            if tally.planned:
                yield _row(f"all {group}", tally)
        yield from self._remarks(step.number, tallies)
        for sentence in (*verdict.faults, *verdict.failures):
            yield f"  ! {sentence}"

    def _remarks(self, step: int, tallies: dict[str, Tally]) -> Iterator[str]:
        whole = Tally.merged(tallies.values())
        classes = [f"{one} {whole.outcomes[one]}" for one in ERRORS if whole.outcomes[one]]
        if classes:
            yield f"  errors: {', '.join(classes)}"
        generator = f"{whole.missed} of {whole.planned} starts missed"
        if step in self.generator_cores:
            generator += f", {self.generator_cores[step]:.2f} cores in the busiest"
        yield f"  generator: {generator}"
        for name, used in self.usage.get(step, {}).items():
            memory = used["peak_bytes"] / 2**20
            yield f"  {name:<28}{used['cores']:>7.2f} cores{memory:>9.0f} MiB"

    def _end(self) -> Iterator[str]:
        verdict = self.verdict
        for text, times in self.figures.failures.most_common(10):
            yield f"{times:>6} x {text}"
        for fault in verdict.faults:
            yield f"INVALID: {fault}"
        for step in verdict.steps:
            if step.faults:
                yield f"INVALID: step {step.step.number}: {step.faults[0]}"
        if any(0 < one.response_times.total() < _FEW for one in self._judged()):
            yield f"* fewer than {_FEW} of them: their p99 is the slowest one, whatever that was"
        if not verdict.valid:
            yield "This run proves nothing; a slower plan or more generators may."
            return
        failed, passed = verdict.first_fail, verdict.last_pass
        yield "Objectives: " + ", ".join(
            f"{group} p99 ≤ {seconds * 1000:.0f} ms" for group, seconds in P99_SECONDS.items()
        )
        if passed:
            yield f"Passes up to {passed.step.rate:g} requests/s."
        if failed:
            yield f"First fails at {failed.step.rate:g} requests/s: {'; '.join(failed.failures)}."
        else:
            yield "No step fails."

    def _judged(self) -> Iterator[Tally]:
        for verdict in self.verdict.steps:
            yield from self.figures.of_step(verdict.step.number).values()

    def json(self) -> str:
        verdict = self.verdict
        plain: dict[str, Any] = {
            "about": dict(self.about),
            "plan": self.plan.to_dict(),
            "verdict": {
                "valid": verdict.valid,
                "faults": list(verdict.faults),
                "steps": [
                    {
                        "step": one.step.number,
                        "rate": one.step.rate,
                        "outcome": one.outcome,
                        "faults": list(one.faults),
                        "failures": list(one.failures),
                        "generator_cores": self.generator_cores.get(one.step.number),
                        "usage": self.usage.get(one.step.number, {}),
                    }
                    for one in verdict.steps
                ],
            },
            "figures": self.figures.to_dict(),
        }
        return json.dumps(plain, ensure_ascii=False, indent=1)

    def csv(self) -> str:
        """A row for each step and class; times in milliseconds."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = [f"p{percent}_ms" for percent in PERCENTILES]
        counts = ("planned", "started", "missed", "given_up")
        writer.writerow(["step", "rate", "class", *counts, *names, "worst_ms", *Outcome])
        for verdict in self.verdict.steps:
            tallies = self.figures.of_step(verdict.step.number)
            for name in (name for name in GROUPS if name in tallies):
                tally = tallies[name]
                times = [tally.milliseconds(percent) for percent in PERCENTILES]
                writer.writerow(
                    [
                        *(verdict.step.number, verdict.step.rate, name),
                        *(getattr(tally, count) for count in counts),
                        *("" if time is None else f"{time:.1f}" for time in times),
                        f"{tally.longest_milliseconds:.1f}",
                        *(tally.outcomes[one] for one in Outcome),
                    ]
                )
        return text.getvalue()


def command_for(plan: Plan, url: str, workers: int) -> str:
    """The command that makes the same plan again."""
    steps = ",".join(f"{rate:g}" for rate in plan.rates)
    if urlsplit(url).hostname == "ingress":
        return (
            f"LOAD_STEPS={steps} LOAD_STEP_SECONDS={plan.step_seconds:g} "
            f"LOAD_ARRIVALS={plan.arrivals} LOAD_SEED={plan.seed} docker compose --profile load up "
            f"--scale load-worker={workers}"
        )
    words = ["make", "load", f"URL={url}", f"STEPS={steps}", f"SECONDS={plan.step_seconds:g}"]
    if workers > 1:
        words.append(f"WORKERS={workers}")
    usual = Plan(plan.rates)
    options = []
    if plan.arrivals is not Arrivals.POISSON:
        options += ["--arrivals", str(plan.arrivals)]
    for option, name in (
        ("--seed", "seed"),
        ("--rest-seconds", "rest_seconds"),
        ("--warm-up-seconds", "warm_up_seconds"),
        ("--timeout-seconds", "timeout_seconds"),
        ("--order-timeout-seconds", "order_timeout_seconds"),
    ):
        if getattr(plan, name) != getattr(usual, name):
            options += [option, f"{getattr(plan, name):g}"]
    if options:
        words.append(f"OPTIONS={' '.join(options)}")
    return shlex.join(words)


def _row(name: str, tally: Tally) -> str:
    times = [tally.milliseconds(percent) for percent in PERCENTILES]
    answers = tally.response_times.total()
    worst = tally.longest_milliseconds if answers else None
    shown = "".join(f"{'-' if time is None else f'{time:.1f}':>8}" for time in (*times, worst))
    few = " *" if 0 < answers < _FEW else "  "
    return (
        f"  {name:<17}{tally.planned:>8}{tally.started:>8}{tally.answered:>9}{shown}{few}  "
        f"{tally.limited:>6}{tally.errors:>7}{tally.given_up:>9}"
    )
