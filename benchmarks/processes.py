"""What the benchmark starts: on free ports, in a temporary folder, gone with the benchmark."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.checkouts import HERE, Checkout
from local import inherited
from local.free_port import free_offset
from local.layout import ROOT
from local.supervisor import enter_child
from servicekit.embedded import PORTS

_START_SECONDS = 120
_STOP_SECONDS = 60
_TRIES = 5
# What the shell exports must not change what is measured.
_CLEAN = {
    name: value for name, value in inherited.for_shop().items() if not name.startswith("OTEL_")
}


class StartFailed(Exception):
    """A process did not come up; the message has its last lines."""


@contextmanager
def module(
    name: str,
    folder: Path,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    *,
    ready_url: str,
) -> Iterator[int]:
    """`python -m <name>` until the end of the block; yields its pid once `ready_url` is 200."""
    command = [sys.executable, "-m", name, *arguments]
    log = folder / f"{'-'.join([name, *arguments[:1]])}.log"
    with program(command, log, lambda: _answers(ready_url), environment) as pid:
        yield pid


@contextmanager
def program(
    command: Sequence[str],
    log: Path,
    is_ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """The same of any command."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**_CLEAN, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Also if the benchmark is killed while a child is still starting.
            preexec_fn=enter_child,
        )
    try:
        _wait(process, log, is_ready)
        yield process.pid
    finally:
        _stop(process, signal.SIGTERM)


class Shop:
    """`python -m local` with its data in the given folder."""

    def __init__(self, folder: Path, offset: int, ready_seconds: float) -> None:
        self._folder, self._offset = folder, offset
        # From nothing: with its migration and its seed.
        self.ready_seconds = ready_seconds

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{PORTS[name] + self._offset}"

    def pids(self) -> dict[str, int]:
        """Of every process that it runs, by name."""
        return {path.stem: int(path.read_text()) for path in (self._folder / "run").glob("*.pid")}


# Who measures what a request costs asks for more than would be admitted, and wants no refusals;
# what admission costs is a pair of its own.
UNLIMITED = ("--set", "all.ADMISSION=off")


@contextmanager
def shop(
    folder: Path,
    *options: str,
    checkout: Checkout = HERE,
    offset: int | None = None,
    wrapper: Sequence[str] = (),
) -> Iterator[Shop]:
    """A shop that is ready, until the end of the block: on ports of its own choice unless an
    `offset` is given, started through the command `wrapper`."""
    folder.mkdir()
    log = folder.with_suffix(".log")
    chosen = offset
    for attempt in range(1, _TRIES + 1):
        offset = free_offset() if chosen is None else chosen
        began = time.monotonic()
        process = _start_shop(folder, offset, log, options, checkout, wrapper)
        try:
            _wait(process, log, lambda: "ready after" in log.read_text(errors="replace"))
            yield Shop(folder, offset, time.monotonic() - began)
            return
        except StartFailed as failure:
            # Somebody took one of the ports between our look and the launcher's.
            if chosen is not None or "cannot be used" not in str(failure) or attempt == _TRIES:
                raise
        finally:
            _stop(process, signal.SIGTERM)


def _start_shop(
    folder: Path,
    offset: int,
    log: Path,
    options: Sequence[str],
    checkout: Checkout,
    wrapper: Sequence[str],
) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [
                *wrapper,
                checkout.python,
                "-m",
                "local",
                "--end-with-parent",
                str(os.getpid()),
                *options,
            ],
            cwd=checkout.root,
            env={**_CLEAN, "ARLOJI_DATA": str(folder), "ARLOJI_PORT_OFFSET": str(offset)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the benchmark, which stops the shop
        )


def _wait(process: subprocess.Popen[bytes], log: Path, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            what = "ended" if process.poll() is not None else "is not ready"
            last = log.read_text(errors="replace")[-2000:]
            raise StartFailed(f"{' '.join(map(str, process.args[1:]))} {what}:\n{last}")  # type: ignore[index]
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _stop(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
