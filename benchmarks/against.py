"""`--against <commit>`: what a request costs here and at another commit, in CPU of the services,
asked of both in alternation on one machine."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.checkouts import HERE, Checkout, checked_out
from benchmarks.closed_loop import LoadFailed, Target, measure
from benchmarks.cores import cpu_seconds
from benchmarks.processes import UNLIMITED, shop
from benchmarks.ratios import Load, spread_of
from benchmarks.request_path import CHAIN, share_cores, target_of

# Title, the service that is asked, and what it is asked for.
REQUESTS = (
    ("/", "frontend", "/"),
    ("/?q=batik", "frontend", "/?q=batik"),
    ("/api/products", "frontend", "/api/products"),
    ("/api/products/1", "frontend", "/api/products/1"),
    ("service-http alone: /api/products/1", "service-http", "/api/products/1"),
)
MODES: Mapping[str, Sequence[str]] = {"on": (), "off": ("--no-telemetry",)}

_TRIES = 3

# Milliseconds of CPU of one request, by service.
Cost = Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """The same request to both, with telemetry `on` or `off`."""

    title: str
    telemetry: str
    here: Target
    other: Target


@dataclass(frozen=True)
class Costs:
    """Of one row, a pair for each round."""

    row: Row
    rounds: tuple[tuple[Cost, Cost], ...]


class NoCpuTime(Exception):
    """The system does not tell what processes compute."""


@contextmanager
def opened_rows(
    commit: str, folder: Path, progress: Callable[[str], None]
) -> Iterator[tuple[Checkout, list[Row]]]:
    """Two shops of either commit, with telemetry and without, until the end of the block."""
    with ExitStack() as stack:
        other = stack.enter_context(checked_out(commit, folder, progress))
        rows = []
        for mode, options in MODES.items():
            shops = []
            for number, checkout in enumerate((HERE, other)):
                progress(f"starting the shop of {checkout.name}, telemetry {mode}")
                # A commit without admission control takes this as a name that it does not know.
                running = shop(folder / f"{mode}-{number}", *options, *UNLIMITED, checkout=checkout)
                shops.append(stack.enter_context(running))
                share_cores(shops[-1])
            for title, service, path in REQUESTS:
                rows.append(Row(title, mode, *(target_of(one, service, path) for one in shops)))
        yield other, rows


def compare_costs(
    rows: Sequence[Row], load: Load, rounds: int, progress: Callable[[str], None]
) -> list[Costs]:
    """Rounds of all rows, after one that only warms up; who goes first alternates."""
    found: list[list[tuple[Cost, Cost]]] = [[] for _ in rows]
    for number in range(rounds + 1):
        progress(f"round {number} of {rounds}" if number else "warming up")
        for row, costs in zip(rows, found, strict=True):
            if number % 2:
                here = _cost(row.here, load)
                pair = here, _cost(row.other, load)
            else:
                other = _cost(row.other, load)
                pair = _cost(row.here, load), other
            if number:
                costs.append(pair)
    return [Costs(row, tuple(costs)) for row, costs in zip(rows, found, strict=True)]


def _cost(target: Target, load: Load) -> Cost:
    """On a machine that others use a deadline may pass; not three times one after the other."""
    for _ in range(_TRIES - 1):
        with suppress(LoadFailed):
            return _measured_cost(target, load)
    return _measured_cost(target, load)


def _measured_cost(target: Target, load: Load) -> Cost:
    before = [cpu_seconds([pid]) for pid in target.pids]
    found = measure(target, connections=load.connections, seconds=load.seconds)
    after = [cpu_seconds([pid]) for pid in target.pids]
    cost = {}
    for name, earlier, later in zip(CHAIN, before, after, strict=True):
        if earlier is None or later is None:
            raise NoCpuTime("this needs /proc, as Linux has it, and services that do not restart")
        cost[name] = 1000 * (later - earlier) / found.answers
    return cost


def cost_table(results: Sequence[Costs], other: str) -> str:
    """Milliseconds of both, by service too, and the ratio: a quarter is 0.25."""
    width = max(len(result.row.title) for result in results)
    services = " + ".join(CHAIN)
    lines = [
        f"CPU per request in ms, of this one and of {other}: all ({services})",
        "",
        f"{'request':<{width}}  telemetry  {'this one':<25}  {other:<25}"
        "  ratio     min     max  spread",
    ]
    for result in results:
        ratio = spread_of(sum(here.values()) / sum(old.values()) for here, old in result.rounds)
        if ratio is None:
            raise LoadFailed(f"{result.row.title}: nothing was measured")
        shown = [_shown(side) for side in zip(*result.rounds, strict=True)]
        lines.append(
            f"{result.row.title:<{width}}  {result.row.telemetry:<9}  {shown[0]:<25}"
            f"  {shown[1]:<25}  {ratio.median:5.2f}  {ratio.least:6.2f}  {ratio.most:6.2f}"
            f"  {ratio.width:5.0%}"
        )
    return "\n".join(lines)


def _shown(costs: Sequence[Cost]) -> str:
    total = statistics.median(sum(cost.values()) for cost in costs)
    parts = " + ".join(f"{statistics.median(cost[name] for cost in costs):.2f}" for name in CHAIN)
    return f"{total:6.2f} ({parts})"
