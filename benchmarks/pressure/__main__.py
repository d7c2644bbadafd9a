"""`make pressure`: open-loop load above the capacity and real faults, and what comes of them. Each
scenario begins and ends with usual load; one table with a verdict a line, and a folder with the
raw seconds.

It loads a shop of its own on this machine, or with `--url` one on this machine or a private
network, which it can overload only."""

import argparse
import asyncio
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from benchmarks.checkouts import HERE, Checkout, NoCheckout, checked_out
from benchmarks.pressure.faults import FaultFailed, faulty_shop
from benchmarks.pressure.orders import Books
from benchmarks.pressure.phase import Outcome
from benchmarks.pressure.report import plain, text
from benchmarks.pressure.run import Run
from benchmarks.pressure.scenarios import SHORT, WHOLE, Scenario, Times, chosen, scenarios
from benchmarks.pressure.verdict import failures
from benchmarks.processes import StartFailed
from benchmarks.running import interrupt_on_sigterm, progress_since_now
from loadtest.allowed_hosts import require_allowed_host
from loadtest.plan import PlanRefused
from local.layout import ROOT, require_open_files
from servicekit.signals import not_ignored


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_options(arguments)
    interrupt_on_sigterm()
    progress = progress_since_now()

    try:
        require_open_files()
        with TemporaryDirectory(prefix="arloji-pressure-") as folder:
            return measure_all(options, Path(folder), progress)
    except (StartFailed, NoCheckout, FaultFailed, PlanRefused) as failure:
        print(failure, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def measure_all(options: argparse.Namespace, folder: Path, progress: Callable[[str], None]) -> int:
    picked = pick(options)
    if options.url:
        require_allowed_host(options.url)
        picked = [one for one in picked if one.inject is None]
        run = Run(options.url, None, Books(None), times_of(options), folder, progress)
        return report(options, options.url, play(run, picked))
    code = measure_shop(options, HERE, folder / "here", picked, progress)
    if options.against:
        with checked_out(options.against, folder, progress) as other:
            measure_shop(options, other, folder / "there", picked, progress)
    return code


def measure_shop(
    options: argparse.Namespace,
    checkout: Checkout,
    folder: Path,
    picked: Sequence[Scenario],
    progress: Callable[[str], None],
) -> int:
    folder.mkdir()
    progress(f"starting the shop of {checkout.name}")
    with faulty_shop(folder, checkout) as faults:
        assert faults.shop is not None
        books = Books(folder / "shop" / "arloji.db")
        url = faults.shop.url("frontend")
        run = Run(url, faults, books, times_of(options), folder, progress)
        return report(options, checkout.name, play(run, picked))


def pick(options: argparse.Namespace) -> list[Scenario]:
    found = scenarios(times_of(options))
    if options.only:
        return chosen(found, options.only.split(","))
    return [one for one in found if one.is_short or not options.short]


def times_of(options: argparse.Namespace) -> Times:
    return SHORT if options.short else WHOLE


def play(run: Run, picked: Sequence[Scenario]) -> Outcome:
    async def until_signal() -> Outcome:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        # An exception that a signal raises would be lost in whatever callback is just running.
        for number in not_ignored(signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        return await run.play(picked)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(until_signal())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


def report(options: argparse.Namespace, name: str, found: Outcome) -> int:
    moment = datetime.now(UTC)
    about = {
        "shop": name,
        "date": f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{platform.python_implementation()} {platform.python_version()}",
    }
    printed = "\n".join([*(f"{key:<8} {value}" for key, value in about.items()), text(found)])
    print(printed, flush=True)
    target = Path(options.results) / f"{moment:%Y-%m-%d-%H%M%S}"
    target.mkdir(parents=True, exist_ok=True)
    (target / "report.txt").write_text(printed + "\n", encoding="utf-8")
    (target / "figures.json").write_text(json.dumps(plain(found, about)), encoding="utf-8")
    if not options.no_plot:
        plot(target)
    print(f"saved in {target}", file=sys.stderr)
    wrong = found.wrong_stock or any(map(failures, found.phases))
    return 1 if wrong else 0


def plot(folder: Path) -> None:
    """In the environment that has Matplotlib, which is made if need be."""
    command = [sys.executable, "-Es", "tools/in_venv.py", "plots", "-m", "benchmarks.pressure.plot"]
    figures, picture = (folder.absolute() / name for name in ("figures.json", "plot.svg"))
    subprocess.run([*command, figures, picture], cwd=ROOT, check=False)


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pressure", description=__doc__)
    parser.add_argument("--url", help="a shop that runs already, to be overloaded")
    parser.add_argument("--short", action="store_true", help="four scenarios in two minutes")
    parser.add_argument("--only", metavar="WORDS", help="scenarios with one of these in their name")
    parser.add_argument("--against", metavar="COMMIT", help="the same of this commit, afterwards")
    parser.add_argument("--no-plot", action="store_true", help="table and figures only")
    parser.add_argument("--results", default="var/pressure", metavar="FOLDER")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
