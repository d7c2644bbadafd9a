"""`make bench`: the request path in ratios. Each pair runs side by side on this machine, so that
the ratios travel and the machine's speed does not matter. With `--against` the other side is
another commit."""

import argparse
import os
import platform
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.against import NoCpuTime, compare_costs, cost_table, opened_rows
from benchmarks.checkouts import NoCheckout
from benchmarks.closed_loop import LoadFailed
from benchmarks.cores import pin, two_cores
from benchmarks.processes import StartFailed
from benchmarks.ratios import Load, Rates, Result, Spread, compare, spread_of, tails
from benchmarks.request_path import opened
from benchmarks.running import interrupt_on_sigterm, progress_since_now

PACKAGES = ("fastapi", "uvicorn", "httptools", "httpx", "redis", "sqlalchemy", "opentelemetry-sdk")

UNITS: dict[str, Callable[[Rates], float | None]] = {
    "answers per second": lambda ratio: ratio.per_second,
    "answers per second of CPU": lambda ratio: ratio.per_cpu_second,
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_options(arguments)
    interrupt_on_sigterm()
    progress = progress_since_now()

    print("\n".join(machine(options)), flush=True)
    run = measure_pairs if options.against is None else measure_against
    try:
        with TemporaryDirectory(prefix="arloji-bench-") as folder:
            printed = run(options, Path(folder), progress)
    except (LoadFailed, StartFailed, NoCheckout, NoCpuTime) as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    print(printed)
    return 0


Progress = Callable[[str], None]


def measure_pairs(options: argparse.Namespace, folder: Path, progress: Progress) -> str:
    load = Load(options.connections, options.seconds)
    with opened(folder, progress) as measurable:
        leave_core()
        results = compare(measurable.pairs, load, options.rounds, progress)
        found = tails(measurable.saturated, load, options.rounds, progress)
        progress("stopping what was started")
    return f"{table(results)}\n{tail_table(found)}"


def measure_against(options: argparse.Namespace, folder: Path, progress: Progress) -> str:
    load = Load(options.connections, options.seconds)
    with opened_rows(options.against, folder, progress) as (other, rows):
        leave_core()
        results = compare_costs(rows, load, options.rounds, progress)
        progress("stopping what was started")
    return cost_table(results, other.name)


def leave_core() -> None:
    """To what is measured."""
    if cores := two_cores():
        pin(os.getpid(), cores[1])


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=_between(1, 20), default=7)
    parser.add_argument(
        "--seconds", type=_between(0.1, 10), default=1.5, help="of each side of a pair, per round"
    )
    parser.add_argument("--connections", type=_between(1, 256), help="32; 8 against another commit")
    parser.add_argument(
        "--against", metavar="COMMIT", help="print what a request costs here and at this commit"
    )
    options = parser.parse_args(arguments)
    options.rounds = int(options.rounds)
    options.connections = int(options.connections or (8 if options.against else 32))
    return options


def _between(least: float, most: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be between {least} and {most}")
        return value

    return number


def machine(options: argparse.Namespace) -> list[str]:
    """What has to be known to repeat the run."""
    pinned = "servers on one core, load and backing on another" if two_cores() else "not pinned"
    given = {"rounds": options.rounds, "seconds": options.seconds}
    command = ["python", "-m", "benchmarks"]
    if options.against:
        command += ["--against", options.against]
    for name, value in (given | {"connections": options.connections}).items():
        command += [f"--{name}", f"{value:g}"]
    return [
        f"command   {shlex.join(command)}",
        f"machine   {platform.system()} {platform.machine()}, {os.cpu_count()} cores, {pinned}",
        f"python    {platform.python_implementation()} {platform.python_version()}",
        f"versions  {', '.join(f'{name} {version(name)}' for name in PACKAGES)}",
        "",
    ]


def table(results: Sequence[Result]) -> str:
    """1 is as fast as the other side, 0.5 half as fast."""
    return "\n".join(
        spread_table(
            f"{unit}, as a ratio",
            {
                result.pair.title: spread
                for result in results
                if (spread := spread_of(map(ratio_of, result.ratios)))
            },
        )
        for unit, ratio_of in UNITS.items()
    )


def tail_table(found: Mapping[str, Spread]) -> str:
    return spread_table("p99 / p50 at saturation, telemetry on", found)


def spread_table(title: str, spreads: Mapping[str, Spread]) -> str:
    width = max(map(len, (title, *spreads)))
    lines = ["", f"{title:<{width}}  median     min     max  spread"]
    for name, spread in spreads.items():
        lines.append(
            f"{name:<{width}}  {spread.median:6.2f}  {spread.least:6.2f}"
            f"  {spread.most:6.2f}  {spread.width:5.0%}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
