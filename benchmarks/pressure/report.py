"""A run as a table with verdicts, and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from benchmarks.pressure import samples
from benchmarks.pressure.mix import GROUPS
from benchmarks.pressure.run import Outcome, Phase
from benchmarks.pressure.verdict import failures

_HEAD = (
    ("scenario", 28),
    ("offered/s", 9),
    ("admitted/s", 10),
    ("goodput", 8),
    ("shed/s", 7),
    ("failed/s", 8),
    ("p50", 6),
    ("p99", 6),
    ("refused p50", 11),
    ("p99", 6),
    ("normal", 7),
    ("acked", 6),
    ("stored", 7),
    ("unasked", 7),
    ("doubled", 7),
    ("lost", 4),
)


def text(found: Outcome) -> str:
    lines = [
        f"capacity {found.capacity:.0f} good answers/s, closed loop: "
        + ", ".join(f"{rate:.0f} by {count}" for count, rate in found.closed.items())
        + f"; afterwards {found.capacity_after:.0f}",
        "goodput: of the capacity under overload, else of what was offered; times in ms; "
        "normal: seconds after the end",
        "",
        "  ".join(f"{name:>{width}}" for name, width in _HEAD).replace("scenario", "", 1),
    ]
    for phase in found.phases:
        lines.append(_row(phase, found.capacity))
        wrong = failures(phase, found.capacity)
        lines.append(f"    {'FAIL: ' + '; '.join(wrong) if wrong else 'pass'}{_beside(phase)}")
    if found.wrong_stock:
        lines.append(f"FAIL: {found.wrong_stock} products whose stock is not that of their ledger")
    return "\n".join(lines)


def _beside(phase: Phase) -> str:
    found = phase.summary()
    cores = _cores(phase)
    parts = [f"lag p99 {1000 * (found.lag_p99 or 0):.0f} ms"]
    if phase.scenario.spared:
        spared = phase.summary(phase.scenario.spared)
        parts.append(
            f"{'+'.join(sorted(phase.scenario.spared))} {spared.good_share:.1%} good, "
            f"p99 {_ms(spared.admitted_p99)}"
        )
    if (gap := phase.customers_gap()) is not None:
        parts.append(f"customers: longest time without success {gap:.1f} s")
    parts += [f"{name} {used:.2f}" for name, used in cores.items() if used >= 0.05]
    return f"  ({'; '.join(parts)})"


def _cores(phase: Phase) -> Mapping[str, float]:
    """Of each process, on average while the fault lasted."""
    first, last = int(phase.from_ - phase.began), int(phase.until - phase.began)
    some = phase.cores[first:last] or phase.cores
    return {name: sum(one[name] for one in some) / len(some) for name in (some[0] if some else ())}


def _row(phase: Phase, capacity: float) -> str:
    cells = [phase.scenario.name, *_rates(phase, capacity), *_orders(phase)]
    (_, first), *rest = _HEAD
    shown = [f"{cells[0]:<{first}}"]
    shown += [f"{cell:>{width}}" for cell, (_, width) in zip(cells[1:], rest, strict=True)]
    return "  ".join(shown)


def _rates(phase: Phase, capacity: float) -> list[str]:
    found, outcome, normal = phase.summary(), samples.Outcome, phase.seconds_to_normal()
    of = capacity * found.seconds if phase.scenario.times else found.offered
    without = (outcome.FAILED, outcome.BROKEN, outcome.LEFT, outcome.UNSENT)
    return [
        f"{found.offered / found.seconds:.0f}",
        f"{found.per_second(outcome.ADMITTED):.0f}",
        f"{found.good / of:.0%}",
        f"{found.per_second(outcome.SHED):.0f}",
        f"{found.per_second(*without):.0f}",
        *map(_ms, (found.admitted_p50, found.admitted_p99, found.refused_p50, found.refused_p99)),
        "never" if normal is None else f"{normal:.0f} s",
    ]


def _orders(phase: Phase) -> list[str]:
    if (found := phase.accounts) is None:
        return ["-"] * 5
    numbers = (found.acknowledged, found.stored, phase.unasked, found.doubled, found.lost)
    return [str(number) for number in numbers]


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f}"


def plain(found: Outcome, about: Mapping[str, str]) -> dict[str, Any]:
    """Everything, with the raw seconds."""
    return {
        "about": dict(about),
        "capacity": found.capacity,
        "capacity_after": found.capacity_after,
        "closed": {str(count): rate for count, rate in found.closed.items()},
        "wrong_stock": found.wrong_stock,
        "phases": [
            {
                "scenario": phase.scenario.name,
                "rate": phase.rate,
                "begins": phase.from_ - phase.began,
                "ends": phase.until - phase.began,
                "failures": failures(phase, found.capacity),
                "seconds_to_normal": phase.seconds_to_normal(),
                "customers_gap": phase.customers_gap(),
                "unresolved": phase.unresolved,
                "unasked": phase.unasked,
                "accounts": asdict(phase.accounts) if phase.accounts else None,
                "during": asdict(phase.summary()),
                "groups": {
                    group: asdict(phase.summary(frozenset({group})))
                    for group in dict.fromkeys(GROUPS.values())
                },
                "cores": phase.cores,
                "seconds": samples.timeline(phase.samples, phase.began, GROUPS.__getitem__),
            }
            for phase in found.phases
        ],
    }
