"""`make scenario NAME=…`: inject a fault, say what to look at, and undo it after a while, at Ctrl-C
or SIGTERM. What a killed one left is undone by the next, or with `--undo`."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from local.console import configure_terminal
from operations.compose import ComposeFailed
from servicekit.embedded import read_data_folder
from tools.scenarios import compose, embedded
from tools.scenarios.fault import NAMES, Fault, ScenarioFailed
from tools.scenarios.pages import path_of, read_page

_PLACES = {"compose": compose.faults, "embedded": embedded.faults}
# Ten times the requests per second, after a minute at the usual rate.
_RATES = "5,50"


def main(arguments: list[str] | None = None) -> int:
    configure_terminal()
    os.umask(0o077)  # of the data folder, should there be none yet
    chosen = _parse(arguments)
    place = chosen.on or ("embedded" if embedded.is_running() else "compose")
    faults = _PLACES[place](chosen.rates)
    try:
        _undo_leftovers(place, faults)
        if chosen.undo:
            faults[chosen.name].undo()
            print(f"{chosen.name}: undone")
        else:
            print(f"{read_page(chosen.name).text}\n({path_of(chosen.name)})\n", flush=True)
            _play(chosen.name, faults[chosen.name], _mark(place, chosen.name), chosen.seconds)
    except (ScenarioFailed, ComposeFailed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.scenarios", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--on", choices=_PLACES, help="which way to run; found out by itself")
    parser.add_argument("--seconds", type=float, default=180, help="how long the fault lasts")
    parser.add_argument("--rates", default=_RATES, help="requests per second, of traffic-x10")
    parser.add_argument("--undo", action="store_true", help="undo it, inject nothing")
    return parser.parse_args(arguments)


def _play(name: str, fault: Fault, mark: Path, seconds: float) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark.touch()
    try:
        fault.inject()
        print(f"{name}: injected; Ctrl-C undoes it, as {seconds:.0f} s do", flush=True)
        time.sleep(seconds)
    except _Ended:
        pass
    finally:
        # A second Ctrl-C must not leave the half of it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        fault.undo()
        mark.unlink()
        print(f"{name}: undone", flush=True)


def _undo_leftovers(place: str, faults: dict[str, Fault]) -> None:
    for name in NAMES:
        if (mark := _mark(place, name)).exists():
            faults[name].undo()
            mark.unlink()
            print(f"{name}: what a killed run left is undone", flush=True)


def _mark(place: str, name: str) -> Path:
    """Exists while the fault does."""
    return read_data_folder() / "scenarios" / f"{place}.{name}"


class _Ended(Exception):
    """By a signal."""


def _end(_number: int, _frame: FrameType | None) -> None:
    raise _Ended


if __name__ == "__main__":
    sys.exit(main())
