"""Runs one child of the launcher, keeps its log, and ends it when told to or when the launcher
is gone, however it went.

Told means a letter on standard input: `t` ends the child in its own time, `k` at once. When
the pipe closes, nobody is left to tell. Standard library only: one guard per child has to be
small, and starts without the site packages.
"""

import argparse
import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from local.console import Trickle, problem_in, say

MAX_LOG_BYTES = 5 * 1024 * 1024
# Far above any sensible line, far below what a runaway child could make us hold.
_MAX_LINE_BYTES = 64 * 1024
_TRY_AGAIN_SECONDS = 1.0
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>

Child = subprocess.Popen[bytes]


class LogFile:
    """Appends lines; keeps one older file of the same size beside it. On a full disk lines are
    lost until there is room: the child, which waits for us to read on, must not stop."""

    def __init__(self, path: Path, max_bytes: int = MAX_LOG_BYTES) -> None:
        self._path, self._max_bytes = path, max_bytes
        self._file: FileIO | None = None
        self._torn = False

    def write(self, line: bytes) -> None:
        try:
            self._append(b"\n" + line if self._torn else line)
        except OSError:
            self.close()

    def close(self) -> None:
        """The next line opens it again."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _append(self, data: bytes) -> None:
        if self._file is None:
            self._file = FileIO(self._path, "ab")
        if self._file.tell() + len(data) > self._max_bytes:
            self._file.close()
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            self._file = FileIO(self._path, "ab")
        written = self._file.write(data) or 0
        self._torn = 0 < written < len(data) or (self._torn and not written)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.guard")
    parser.add_argument("--name", required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--pid", type=Path, required=True)
    parser.add_argument("--grace", type=float, required=True, help="seconds to end in")
    parser.add_argument("--last", type=int, help="pipe that closes once all others have ended")
    parser.add_argument("--quiet", action="store_true", help="show nothing in the terminal")
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def main() -> int:
    options = parse_options()
    child = start(options.command)
    # Only the pipe and the child's own end end a guard.
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    ended = threading.Event()
    writer = threading.Thread(target=keep_pid, args=(options.pid, child.pid, ended), daemon=True)
    writer.start()
    assert child.stdout is not None
    reader = threading.Thread(
        target=keep_log,
        args=(child.stdout, LogFile(options.log), options.name, options.quiet),
        daemon=True,
    )
    reader.start()
    threading.Thread(target=obey, args=(child, options.grace, options.last), daemon=True).start()
    code = child.wait()
    signal_group(child, signal.SIGKILL)  # whatever it started and left
    reader.join(5)
    ended.set()
    writer.join(5)
    with suppress(OSError):
        options.pid.unlink(missing_ok=True)
    return code if code >= 0 else 128 - code


def start(command: Sequence[str]) -> Child:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=enter_child,
    )


def enter_child() -> None:
    """In the child: it ends by the signals that we send, whatever the launcher was told to
    ignore; and on Linux, if even the guard is killed, the kernel sends SIGTERM."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGTERM))


def keep_pid(path: Path, pid: int, ended: threading.Event) -> None:
    """Write the file now, or as soon as there is room on the disk: no reason to end the child."""
    new = path.with_name(f"{path.name}.new")
    while not ended.is_set():
        try:
            new.write_text(f"{pid}\n")
            new.replace(path)
        except OSError:
            ended.wait(_TRY_AGAIN_SECONDS)
        else:
            return


def keep_log(output: BinaryIO, log: LogFile, name: str, quiet: bool) -> None:
    trickle = Trickle()
    while line := output.readline(_MAX_LINE_BYTES):
        log.write(line)
        problem = None if quiet else problem_in(line.decode(errors="replace"))
        shown = problem and trickle.pass_on(problem, "… more of this in its log file")
        if shown:
            say(name, shown, "bad")


def obey(child: Child, grace_seconds: float, last: int | None) -> None:
    """Wait for orders, end the child, and kill it if that takes too long."""
    order = os.read(0, 1)
    if not order and last is not None:
        # The launcher is gone: those that need this child go first.
        select.select([last], [], [], grace_seconds)
    if order != b"k":
        signal_group(child, signal.SIGTERM)
        signal_group(child, signal.SIGCONT)  # one that was paused could not hear it
        wait_for_hurry(time.monotonic() + grace_seconds)
    signal_group(child, signal.SIGKILL)


def wait_for_hurry(deadline: float) -> None:
    """Return at the deadline, or before it if the launcher says `k`."""
    listening = [0]
    while (left := deadline - time.monotonic()) > 0:
        if not select.select(listening, [], [], left)[0]:
            return
        order = os.read(0, 1)
        if order == b"k":
            return
        if not order:
            listening = []  # the launcher went in the middle of it: the deadline stands


def signal_group(child: Child, number: signal.Signals) -> None:
    # macOS says "not permitted" of a group that has only a zombie.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main())
