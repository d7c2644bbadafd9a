"""Supervises one child of the launcher: keeps its log, and ends it on command or when the launcher
is gone, however it went.

The commands on standard input are those of runit's `supervise/control`: `t` is SIGTERM and a grace
period, `k` is SIGKILL. When the pipe closes, the launcher is gone. Standard library only: there is
one supervisor per child, so it has to be small, and it starts without the site packages.
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
from pathlib import Path
from typing import BinaryIO

from local.console import LineRateLimiter, problem_in, say
from local.log_file import LogFile

# Far above any sensible line, far below what a runaway child could make us hold.
_MAX_LINE_BYTES = 64 * 1024
_RETRY_SECONDS = 1.0
_TERMINATION_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>

TERMINATE, KILL = b"t", b"k"

Child = subprocess.Popen[bytes]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.supervisor")
    parser.add_argument("--name", required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--pid", type=Path, required=True)
    parser.add_argument("--grace", type=float, required=True, help="grace period in seconds")
    parser.add_argument(
        "--dependents", type=int, help="pipe that closes once all that need the child have ended"
    )
    parser.add_argument("--nice", type=int, default=0, help="niceness of the child")
    parser.add_argument("--quiet", action="store_true", help="show nothing in the terminal")
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def main() -> int:
    options = parse_options()
    child = start(options.command, options.nice)
    # Only the pipe and the child's own end may end a supervisor.
    for number in _TERMINATION_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    ended = threading.Event()
    writer = threading.Thread(
        target=write_pid_file, args=(options.pid, child.pid, ended), daemon=True
    )
    writer.start()
    if options.nice:
        of_session = (child.pid, options.nice, ended)
        threading.Thread(target=set_session_niceness, args=of_session, daemon=True).start()
    assert child.stdout is not None
    reader = threading.Thread(
        target=copy_output,
        args=(child.stdout, LogFile(options.log), options.name, options.quiet),
        daemon=True,
    )
    reader.start()
    control = (child, options.grace, options.dependents)
    threading.Thread(target=handle_control, args=control, daemon=True).start()
    code = child.wait()
    signal_group(child, signal.SIGKILL)  # whatever it started and left
    reader.join(5)
    ended.set()
    writer.join(5)
    with suppress(OSError):
        options.pid.unlink(missing_ok=True)
    return code if code >= 0 else 128 - code


def start(command: Sequence[str], niceness: int = 0) -> Child:
    def enter() -> None:
        enter_child()
        os.nice(niceness)

    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=enter,
    )


def set_session_niceness(pid: int, niceness: int, ended: threading.Event) -> None:
    """Where the kernel shares the processors among sessions first, niceness counts within one
    only, and a session has its own (sched(7), "The autogroup feature")."""
    while not ended.is_set():
        try:
            Path(f"/proc/{pid}/autogroup").write_text(str(niceness))
        except BlockingIOError:  # no more than ten a second
            ended.wait(_RETRY_SECONDS)
        except OSError:
            return  # there is no such feature
        else:
            return


def enter_child() -> None:
    """In the child: it ends by the signals that we send, whatever the launcher was told to
    ignore; and on Linux, if even the supervisor is killed, the kernel sends SIGTERM."""
    for number in _TERMINATION_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGTERM))


def write_pid_file(path: Path, pid: int, ended: threading.Event) -> None:
    """Write the file now, or as soon as there is space on the disk: no reason to end the child."""
    new = path.with_name(f"{path.name}.new")
    while not ended.is_set():
        try:
            new.write_text(f"{pid}\n")
            new.replace(path)
        except OSError:
            ended.wait(_RETRY_SECONDS)
        else:
            return


def copy_output(output: BinaryIO, log: LogFile, name: str, quiet: bool) -> None:
    limiter = LineRateLimiter()
    while line := output.readline(_MAX_LINE_BYTES):
        log.write(line)
        problem = None if quiet else problem_in(line.decode(errors="replace"))
        shown = problem and limiter.admit(problem, "… more of this in its log file")
        if shown:
            say(name, shown, "bad")


def handle_control(child: Child, grace_seconds: float, dependents: int | None) -> None:
    """Wait for a command, end the child, and kill it when the grace period is over."""
    command = os.read(0, 1)
    if not command and dependents is not None:
        # The launcher is gone: those that need this child end first.
        select.select([dependents], [], [], grace_seconds)
    if command != KILL:
        signal_group(child, signal.SIGTERM)
        signal_group(child, signal.SIGCONT)  # one that was paused could not hear it
        wait_for_kill(time.monotonic() + grace_seconds)
    signal_group(child, signal.SIGKILL)


def wait_for_kill(deadline: float) -> None:
    """Return at the deadline, or before it if the launcher sends `k`."""
    listening = [0]
    while (left := deadline - time.monotonic()) > 0:
        if not select.select(listening, [], [], left)[0]:
            return
        command = os.read(0, 1)
        if command == KILL:
            return
        if not command:
            listening = []  # the launcher went meanwhile: the deadline stands


def signal_group(child: Child, number: signal.Signals) -> None:
    # macOS says "not permitted" of a group that has only a zombie.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main())
