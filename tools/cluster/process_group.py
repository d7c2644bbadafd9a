"""The processes of a cluster: each with a log and a pid file in the cluster's folder, ended in
the reverse order of their start."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from local.supervisor import enter_child
from tools.cluster.processes import ClusterFailed, began

_START_SECONDS = 120
_STOP_SECONDS = 30
_POLL_SECONDS = 0.1
_SHOWN = 3000


class ProcessGroup:
    """In the network namespace with this name file (`/run/netns/<name>`), else in ours. Unless they
    are `detached`, for another command to end, they end with us, however we end."""

    def __init__(
        self, folder: Path, *, network: Path | None = None, detached: bool = False
    ) -> None:
        self.folder, self._detached = folder, detached
        self.prefix = [] if network is None else ["nsenter", f"--net={network}"]
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._pids = folder / "run"
        self._pids.mkdir(parents=True, exist_ok=True)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        is_ready: Callable[[], bool] = lambda: True,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Returns once it is ready. It inherits nothing but PATH and `environment`: a proxy that
        the shell names is not for servers of this machine."""
        inherited = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder)}
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                [*self.prefix, *command],
                cwd=self.folder,
                env={**inherited, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=None if self._detached else enter_child,
            )
        self._started[name] = process
        (self._pids / f"{len(self._started):02}-{name}").write_text(
            f"{process.pid} {began(process.pid)}"
        )
        self.wait(name, is_ready)

    def wait(self, name: str, is_ready: Callable[[], bool]) -> None:
        """Until it is ready; fails at once if it has ended."""
        deadline = time.monotonic() + _START_SECONDS
        while not is_ready():
            ended = self._started[name].poll() is not None
            if ended or time.monotonic() > deadline:
                what = "ended" if ended else f"is not ready after {_START_SECONDS} s"
                raise ClusterFailed(f"{name} {what}:\n{self.output(name)[-_SHOWN:]}")
            time.sleep(_POLL_SECONDS)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def output(self, name: str) -> str:
        return self.log(name).read_text(errors="replace")

    def stop(self) -> None:
        stop_recorded(self.folder)
        for process in self._started.values():
            process.wait(_STOP_SECONDS)
        self._started.clear()


def stop_recorded(folder: Path) -> None:
    """End what runs in the folder, whoever started it there."""
    for record in sorted((folder / "run").glob("*"), reverse=True):
        pid, _, since = record.read_text().partition(" ")
        if since and began(int(pid)) == since:
            _end(int(pid), since)
        record.unlink()


def _end(pid: int, since: str) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        while began(pid) == since:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(_POLL_SECONDS)
