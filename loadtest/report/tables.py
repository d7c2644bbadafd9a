"""The tables of a load run as Markdown, for docs/capacity.md."""

from collections.abc import Iterator, Mapping

from loadtest.figures import Figures, Tally
from loadtest.objectives import P99_SECONDS, StepVerdict, Verdict, groups_of

Usage = Mapping[int, Mapping[str, Mapping[str, float]]]


def tables(verdict: Verdict, figures: Figures, usage: Usage, about: Mapping[str, str]) -> str:
    """What each step did, and what each service used at the first that fails, or
    else at the last one."""
    step = verdict.first_fail or verdict.steps[-1]
    lines = [
        f"`{about['command']}`  ",
        f"{about['machine']}; {about['date']}",
        "",
        *_steps(verdict, figures),
    ]
    if used := usage.get(step.step.number):
        lines += ["", f"At {step.step.rate:g} requests/s:", "", *_services(used)]
    return "\n".join(lines) + "\n"


def _steps(verdict: Verdict, figures: Figures) -> Iterator[str]:
    groups = " | ".join(f"{group} p99" for group in P99_SECONDS)
    yield f"| requests/s | {groups} | errors | 429 | |"
    yield f"|---|{'---|' * len(P99_SECONDS)}---|---|---|"
    for step in verdict.steps:
        yield _row(step, figures.of_step(step.step.number))


def _row(step: StepVerdict, tallies: Mapping[str, Tally]) -> str:
    times = []
    for tally in groups_of(dict(tallies)).values():
        p99 = tally.milliseconds(99)
        times.append("" if p99 is None else f"{p99:.0f} ms")
    whole = Tally.merged(tallies.values())
    cells = [f"{step.step.rate:g}", *times, str(whole.errors), str(whole.limited), step.outcome]
    return f"| {' | '.join(cells)} |"


def _services(used: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    yield "| service | cores | memory, peak |"
    yield "|---|---|---|"
    for name, one in used.items():
        yield f"| `{name}` | {one['cores']:.2f} | {one['peak_bytes'] / 2**20:.0f} MiB |"
    cores = sum(one["cores"] for one in used.values())
    memory = sum(one["peak_bytes"] for one in used.values()) / 2**20
    yield f"| all | {cores:.2f} | {memory:.0f} MiB |"
