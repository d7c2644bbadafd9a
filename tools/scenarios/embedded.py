"""The faults for the embedded run, which ARLOJI_DATA and ARLOJI_PORT_OFFSET select."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from local.layout import ROOT
from servicekit.embedded import read_data_folder, read_ports
from tools.scenarios.fault import FILL, POISON, Fault, ScenarioFailed, is_poison

# Shorter than the 2 s for which a transaction waits for its lock.
_LOCKED_SECONDS, _FREE_SECONDS = 1.5, 0.3


def faults(rates: str) -> dict[str, Fault]:
    slow, load = _LockedDatabase(), _Load(rates)
    return {
        "mysql-slows-down": Fault(slow.inject, slow.undo),
        # Paused, since the launcher would start a new one for one that ended.
        "consumer-dies": _pause("consumer", ended_by=signal.SIGCONT),
        # The one that is started in its place is empty.
        "cache-cold": _pause("cache-redis", ended_by=signal.SIGKILL),
        "traffic-x10": Fault(load.inject, load.undo),
        "poison-order": Fault(partial(_run, "-c", POISON), _drop_poison),
        "disk-fills": Fault(
            lambda: _run("-c", FILL, str(_ballast())),
            lambda: _ballast().unlink(missing_ok=True),
        ),
    }


def is_running() -> bool:
    with suppress(ScenarioFailed, ProcessLookupError):
        os.kill(_pid("frontend"), 0)
        return True
    return False


def _pid(name: str) -> int:
    try:
        return int((read_data_folder() / "run" / f"{name}.pid").read_text())
    except FileNotFoundError:
        raise ScenarioFailed(f"no {name} runs in {read_data_folder()}: `make run` first") from None


def _pause(name: str, *, ended_by: signal.Signals) -> Fault:
    def undo() -> None:
        # One that is just being started anew is not paused.
        with suppress(ScenarioFailed, ProcessLookupError):
            if _is_paused(pid := _pid(name)):
                os.kill(pid, ended_by)

    return Fault(lambda: os.kill(_pid(name), signal.SIGSTOP), undo)


def _is_paused(pid: int) -> bool:
    """Raises ProcessLookupError."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        return stat.read_text().rpartition(")")[2].split()[0] == "T"
    # A system without /proc has it; the minimal Linux that lacks it has /proc.
    done = subprocess.run(
        ["ps", "-o", "state=", "-p", str(pid)], stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise ProcessLookupError(pid)
    return done.stdout.startswith(b"T")


def _ballast() -> Path:
    return read_data_folder().absolute() / "scenario-disk-fills"


def _run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise ScenarioFailed(f"`python {' '.join(arguments)[:60]}…` ended with {done.returncode}")
    return done.stdout


def _drop_poison() -> None:
    command = ("-m", "services.consumer.dead_letters")
    found = json.loads(_run(*command, "show", "--all", "--json"))
    if ids := [one["id"] for one in found if is_poison(one)]:
        _run(*command, "drop", *ids)


class _LockedDatabase:
    """Somebody else who writes a lot: the lock of the database file is free now and then only. It
    ends with this process."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._lock, daemon=True)

    def inject(self) -> None:
        self._thread.start()

    def undo(self) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _lock(self) -> None:
        path = read_data_folder() / "arloji.db"
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
            while not self._end.is_set():
                connection.execute("BEGIN IMMEDIATE")
                self._end.wait(_LOCKED_SECONDS)
                connection.execute("ROLLBACK")
                time.sleep(_FREE_SECONDS)


class _Load:
    """The project's own load, in a process that ends with this one's undo or by itself."""

    def __init__(self, rates: str) -> None:
        self._rates = rates
        self._process: subprocess.Popen[bytes] | None = None

    def inject(self) -> None:
        shop = read_ports().url("frontend")
        results = read_data_folder().absolute() / "load"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-Es", "tools/in_venv.py", "load", "-m", "locust", "--headless"),
                *("-f", "loadtest/locustfile.py", "--host", shop, "--results", str(results)),
                *("--steps", self._rates, "--step-seconds", "30", "--only-summary"),
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )

    def undo(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
