"""`python -m benchmarks.flame_graph [--path /] --output <file.svg>`: where a request spends its
CPU, service by service: a table by layers, and every stack as a flame graph."""

import argparse
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.closed_loop import LoadFailed, measure
from benchmarks.cores import cpu_seconds
from benchmarks.flames import Stacks, draw, layer_of
from benchmarks.processes import UNLIMITED, StartFailed, shop
from benchmarks.request_path import CHAIN, share_cores, target_of
from benchmarks.running import interrupt_on_sigterm, progress_since_now
from local.layout import ROOT

_WARM_UP_SECONDS = 3.0
_WRITE_SECONDS = 20.0

# Service → milliseconds of CPU of one request.
Costs = Mapping[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flame_graph", description=__doc__)
    parser.add_argument("--path", default="/", help="what the frontend is asked for")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--output", type=Path, default=Path("flame-graph.svg"))
    options = parser.parse_args()
    interrupt_on_sigterm()
    progress = progress_since_now()
    try:
        with TemporaryDirectory(prefix="arloji-samples-") as name:
            costs, stacks = sample(Path(name), options, progress)
    except (LoadFailed, StartFailed) as failure:
        print(failure, file=sys.stderr)
        return 1
    options.output.write_text(draw(f"GET {options.path}", costs, stacks), encoding="utf-8")
    print(layer_table(costs, stacks))
    return 0


def sample(
    folder: Path, options: argparse.Namespace, progress: Callable[[str], None]
) -> tuple[Costs, Mapping[str, Stacks]]:
    """What each service of the chain computes for the answers, by whole stacks."""
    settings = {"PYTHONPATH": ROOT / "benchmarks" / "sampling", "SAMPLES_FOLDER": folder}
    sets = [f"{name}.{key}={value}" for name in CHAIN for key, value in settings.items()]
    progress("starting a shop with telemetry")
    chosen = [one for line in sets for one in ("--set", line)]
    with shop(folder / "shop", *UNLIMITED, *chosen) as running:
        share_cores(running)
        pids = [running.pids()[name] for name in CHAIN]
        target = target_of(running, "frontend", options.path)
        measure(target, connections=options.connections, seconds=_WARM_UP_SECONDS)
        progress(f"sampling for {options.seconds:g} s")
        before = _cpu(pids)
        _signal(pids)
        answers = measure(target, connections=options.connections, seconds=options.seconds).answers
        _signal(pids)
        costs = [
            1000 * (now - then) / answers for now, then in zip(_cpu(pids), before, strict=True)
        ]
        stacks = [_read(folder / f"{pid}.folded") for pid in pids]
        progress("stopping what was started")
    return dict(zip(CHAIN, costs, strict=True)), dict(zip(CHAIN, stacks, strict=True))


def _cpu(pids: list[int]) -> list[float]:
    found = [cpu_seconds([pid]) for pid in pids]
    if None in found:
        raise LoadFailed("this needs /proc, as Linux has it")
    return [one for one in found if one is not None]


def _signal(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGUSR1)


def _read(file: Path) -> Stacks:
    deadline = time.monotonic() + _WRITE_SECONDS
    while not file.exists():
        if time.monotonic() > deadline:
            raise LoadFailed(f"{file.name} was not written")
        time.sleep(0.05)
    stacks: Counter[tuple[str, ...]] = Counter()
    for line in file.read_text(encoding="utf-8").splitlines():
        stack, _, times = line.rpartition(" ")
        stacks[tuple(stack.split(";"))] += int(times)
    return stacks


def layer_table(costs: Costs, stacks: Mapping[str, Stacks]) -> str:
    """Microseconds of a request, by the layer that the innermost known function belongs to."""
    shares: dict[str, Counter[str]] = {}
    for service, seen in stacks.items():
        of_all = sum(seen.values()) or 1
        layers = shares[service] = Counter()
        for stack, times in seen.items():
            layers[layer_of(stack)] += round(1_000_000 * costs[service] * times / of_all)
    totals = sum(shares.values(), Counter[str]())
    lines = [f"| µs of CPU | {' | '.join(costs)} | all |", f"|---|{'--:|' * (len(costs) + 1)}"]
    for layer, total in totals.most_common():
        cells = [f"{shares[service][layer] / 1000:.0f}" for service in costs]
        lines.append(f"| {layer} | {' | '.join(cells)} | {total / 1000:.0f} |")
    sums = [f"{1000 * cost:.0f}" for cost in costs.values()]
    lines.append(f"| all | {' | '.join(sums)} | {1000 * sum(costs.values()):.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
