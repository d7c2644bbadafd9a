"""A run as a table with verdicts, and as JSON."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from benchmarks.pressure import samples
from benchmarks.pressure.mix import GROUPS
from benchmarks.pressure.phase import Outcome, Phase
from benchmarks.pressure.verdict import failures
from benchmarks.pressure.watching import LOAD
from benchmarks.pressure.work import cores_of, table, work_of

_HEAD = (
    ("", 28),
    ("offered/s", 9),
    ("admitted/s", 10),
    ("goodput", 8),
    ("of offered mix", 14),
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
        f"capacity {found.capacity.rate:.0f} good answers/s, closed loop: "
        + ", ".join(f"{rate:.0f} by {count}" for count, rate in found.capacity.closed.items()),
        "goodput: under overload of the capacity for the mix that was admitted, beside it of that "
        "for the mix that was offered; else of what was offered",
        "times in ms; normal: seconds after the end",
        "",
        "  ".join(f"{name:>{width}}" for name, width in _HEAD),
    ]
    for phase in found.phases:
        lines.append(_row(phase))
        wrong = failures(phase)
        lines.append(f"    {'FAIL: ' + '; '.join(wrong) if wrong else 'pass'}{_beside(phase)}")
        if phase.scenario.times:
            lines += [f"    {_capacity(phase)}", f"    {_load(phase)}"]
        if phase.scenario.times and phase.refusals:
            lines.append("    refused: " + ", ".join(f"{why} {n}" for why, n in _refusals(phase)))
    lines += ["", *table(work_of(found))]
    if found.wrong_stock:
        lines.append(f"FAIL: {found.wrong_stock} products whose stock is not that of their ledger")
    return "\n".join(lines)


def _beside(phase: Phase) -> str:
    found = phase.summary()
    cores = cores_of(phase)
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


def _capacity(phase: Phase) -> str:
    assert phase.before is not None
    assert phase.after is not None
    said = f"capacity {phase.before.rate:.0f} before, {phase.after.rate:.0f} after"
    if phase.of_admitted is None:
        return said
    groups = Counter[str]()
    for kind, count in phase.admitted_mix().items():
        groups[GROUPS[kind]] += count
    mix = ", ".join(f"{count / groups.total():.0%} {group}" for group, count in groups.items())
    return f"{said}, {phase.of_admitted.rate:.0f} for the mix that was admitted: {mix}"


def _load(phase: Phase) -> str:
    """What of the machine the measurement itself took."""
    cores, all_of_them = cores_of(phase), os.cpu_count() or 1
    parts = [f"{name} {cores[name] / all_of_them:.0%}" for name in LOAD if name in cores]
    return f"of the {all_of_them} processors: {', '.join(parts)}"


def _refusals(phase: Phase) -> list[tuple[str, int]]:
    return [(why, int(number)) for why, number in phase.refusals.most_common()]


def _row(phase: Phase) -> str:
    cells = [phase.scenario.name, *_rates(phase), *_orders(phase)]
    (_, first), *rest = _HEAD
    shown = [f"{cells[0]:<{first}}"]
    shown += [f"{cell:>{width}}" for cell, (_, width) in zip(cells[1:], rest, strict=True)]
    return "  ".join(shown)


def _rates(phase: Phase) -> list[str]:
    found, outcome, normal = phase.summary(), samples.Outcome, phase.seconds_to_normal()
    is_overload = bool(phase.scenario.times)
    without = (outcome.FAILED, outcome.BROKEN, outcome.LEFT, outcome.UNSENT)
    return [
        f"{found.offered / found.seconds:.0f}",
        f"{found.per_second(outcome.ADMITTED):.0f}",
        f"{phase.goodput() if is_overload else found.good_share:.0%}",
        f"{phase.goodput_of_offered():.0%}" if is_overload else "-",
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


def _capacities(phase: Phase) -> dict[str, Any]:
    measured = {
        "before": phase.before,
        "after": phase.after,
        "of_admitted": phase.of_admitted,
    }
    return {name: asdict(one) for name, one in measured.items() if one is not None}


def _phase(phase: Phase) -> dict[str, Any]:
    return {
        "scenario": phase.scenario.name,
        "rate": phase.rate,
        "begins": phase.from_ - phase.began,
        "ends": phase.until - phase.began,
        "failures": failures(phase),
        "capacity": phase.capacity if phase.scenario.times else None,
        "capacities": _capacities(phase),
        "goodput": phase.goodput() if phase.scenario.times else None,
        "goodput_of_offered": phase.goodput_of_offered() if phase.scenario.times else None,
        "admitted_mix": phase.admitted_mix(),
        "seconds_to_normal": phase.seconds_to_normal(),
        "customers_gap": phase.customers_gap(),
        "refusals": dict(_refusals(phase)),
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


def plain(found: Outcome, about: Mapping[str, str]) -> dict[str, Any]:
    """Everything, with the raw seconds."""
    return {
        "about": dict(about),
        "capacity": found.capacity.rate,
        "work": [{**asdict(row), "per_answer_ms": row.per_answer_ms()} for row in work_of(found)],
        "wrong_stock": found.wrong_stock,
        "phases": [_phase(phase) for phase in found.phases],
    }
