"""What the processors did for each good answer, at the capacity and above it: what refusals, and
work for nobody, cost shows in the difference."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.pressure.phase import Outcome, Phase

_FIRST, _WIDTH = 28, 12


@dataclass(frozen=True)
class Work:
    """CPU seconds of each process, for so many good answers."""

    name: str
    cpu_seconds: Mapping[str, float]
    good: int

    def per_answer_ms(self) -> dict[str, float]:
        return {name: 1000 * spent / self.good for name, spent in self.cpu_seconds.items()}


def cores_of(phase: Phase) -> dict[str, float]:
    """Of each process, on average while the fault lasted."""
    first, last = int(phase.from_ - phase.began), int(phase.until - phase.began)
    some = phase.cores[first:last] or phase.cores
    return {name: sum(one[name] for one in some) / len(some) for name in (some[0] if some else ())}


def work_of(found: Outcome) -> list[Work]:
    """Of the overloads, and of what their capacity was."""
    rows = [Work("capacity", found.capacity.cpu_seconds, found.capacity.good)]
    for phase in found.phases:
        if not phase.scenario.times:
            continue
        summary, name = phase.summary(), phase.scenario.name
        spent = {one: cores * summary.seconds for one, cores in cores_of(phase).items()}
        rows.append(Work(name, spent, summary.good))
        if phase.of_admitted is not None:
            mix = phase.of_admitted
            rows.append(Work("capacity, admitted mix", mix.cpu_seconds, mix.good))
        if phase.after is not None:
            rows.append(Work("capacity", phase.after.cpu_seconds, phase.after.good))
    return [row for row in rows if row.good]


def table(rows: list[Work]) -> Iterator[str]:
    names = list(dict.fromkeys(name for row in rows for name in row.cpu_seconds))
    heads = "  ".join(f"{name:>{_WIDTH}}" for name in (*names, "together"))
    yield f"{'CPU of a good answer, ms':<{_FIRST}}  {heads}"
    for row in rows:
        found = row.per_answer_ms()
        cells = [f"{found[name]:.2f}" if name in found else "-" for name in names]
        cells.append(f"{sum(found.values()):.2f}")
        yield "  ".join([f"{row.name:<{_FIRST}}", *(f"{cell:>{_WIDTH}}" for cell in cells)])
