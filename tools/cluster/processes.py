"""Commands and daemons of a node; a daemon outlives the command that started it, and is a member
of cgroups from its beginning."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 20
# The pid stays the same; files are for others to read, whatever the shell that started us wants.
_INTRODUCE = 'umask 022; echo $$ > "$0"; exec "$@"'
_Command = Sequence[str | Path]


class ClusterFailed(Exception):
    """A command failed or a part did not become ready; the message holds what it said last."""


def run(command: _Command, *, stdin: str | None = None, timeout: float = 300) -> str:
    """Returns what it printed; raises `ClusterFailed`."""
    done = subprocess.run(
        command,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        shown = " ".join(str(part) for part in command)
        raise ClusterFailed(f"{shown[:500]}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def wait_until(
    condition: Callable[[], bool], what: str, seconds: float = 120, pause_seconds: float = 0.2
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterFailed(f"after {seconds:.0f} s not yet: {what}")
        time.sleep(pause_seconds)


class Daemon:
    """A process known by a file: its pid and when it began, since pids are used again."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._file, self.log = folder / f"{name}.pid", folder / f"{name}.log"

    def start(
        self,
        command: _Command,
        environment: Mapping[str, str] | None = None,
        *,
        cgroup: Iterable[Path] = (),
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Returns at once. It is a member of the cgroups from its first instruction on, and with it
        whatever it starts."""
        if self.is_running:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._file.unlink(missing_ok=True)
        members = [folder / "cgroup.procs" for folder in cgroup]

        def join() -> None:
            for file in members:
                file.write_text(str(os.getpid()))

        with self.log.open("ab") as log:
            # Nobody's child: whoever started it need not wait for its end.
            subprocess.run(
                ["setsid", "--fork", "sh", "-c", _INTRODUCE, self._file, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                pass_fds=pass_fds,
                preexec_fn=join,
                check=True,
            )
        wait_until(
            lambda: self._file.exists() and self._file.read_text() != "", self.name, 20, 0.01
        )
        pid = int(self._file.read_text())
        self._file.write_text(f"{pid} {began(pid)}")

    @property
    def pid(self) -> int:
        """0 if it does not run."""
        try:
            pid, since = self._file.read_text().split()
        except (FileNotFoundError, ValueError):
            return 0
        return int(pid) if began(int(pid)) == since else 0

    @property
    def is_running(self) -> bool:
        return self.pid != 0

    def wait_until(
        self, condition: Callable[[], bool], what: str = "ready", seconds: float = 120
    ) -> None:
        """Raises `ClusterFailed` with the end of its log."""

        def holds() -> bool:
            if not self.is_running:
                raise ClusterFailed("it ended")
            return condition()

        try:
            wait_until(holds, what, seconds)
        except ClusterFailed as error:
            raise ClusterFailed(f"{self.name}: {error}\n{self.last_lines()}") from None

    def last_lines(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Returns once it is gone, whatever it takes; nothing happens if it does not run."""
        if pid := self.pid:
            os.kill(pid, number)
            try:
                wait_until(lambda: not self.is_running, f"end of {self.name}", STOP_SECONDS)
            except ClusterFailed:
                os.kill(pid, signal.SIGKILL)
                wait_until(lambda: not self.is_running, f"end of {self.name}", STOP_SECONDS)
        self._file.unlink(missing_ok=True)


def began(pid: int) -> str:
    """When a process began, in ticks since the machine did; empty if it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
