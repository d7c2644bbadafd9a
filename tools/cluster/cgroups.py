"""A cgroup for each part of a cluster: whatever runs for it is a member of it or of one beneath,
so that stopping leaves no process behind, also after a crash."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tools.cluster.processes import ClusterFailed

_MOUNTED = Path("/sys/fs/cgroup")
_KILL_SECONDS = 30
# Where CPU time is short, a whole group gets by default what one process beside it gets.
_CPU_WEIGHTS = {"cpu.shares": 1024, "cpu.weight": 100}
_LIKE_PROCESSES = 8


def hierarchies(mounted: Path = _MOUNTED) -> list[Path]:
    """One for each controller with cgroup v1, beside perhaps one of v2 without any; else the only
    one, of v2."""
    if (mounted / "cgroup.controllers").exists():
        return [mounted]
    # Names such as `cpu,cpuacct` are one hierarchy, and the others links to it.
    found = [path for path in sorted(mounted.iterdir()) if (path / "cgroup.procs").exists()]
    return [path for path in found if not path.is_symlink()]


class ControlGroup:
    """`name` at the top of every hierarchy; daemons are in its `daemons`, pods in `kubepods`."""

    def __init__(self, name: str, mounted: Path = _MOUNTED) -> None:
        self.name = name
        self._roots = [hierarchy / name for hierarchy in hierarchies(mounted)]

    @property
    def daemons(self) -> list[Path]:
        return [root / "daemons" for root in self._roots]

    def create(self) -> None:
        for root, daemons in zip(self._roots, self.daemons, strict=True):
            for folder in (root, daemons):
                folder.mkdir(exist_ok=True)
                _copy_cpuset(folder)
                for name, usual in _CPU_WEIGHTS.items():
                    if (folder / name).exists():
                        (folder / name).write_text(str(usual * _LIKE_PROCESSES))

    def processes(self, below: str = ".") -> set[int]:
        """Of it, or of a part of it, and of all beneath."""
        folders = (folder for root in self._roots for folder in _deepest_first(root / below))
        return {pid for folder in folders for pid in _pids(folder / "cgroup.procs")}

    def kill(self, below: str = ".") -> None:
        """Returns once they are gone."""
        deadline = time.monotonic() + _KILL_SECONDS
        while pids := self.processes(below):
            if time.monotonic() > deadline:
                raise ClusterFailed(f"these survive a kill: {sorted(pids)}")
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)

    def remove(self) -> None:
        """Kill whatever is a member, then remove it with all beneath."""
        self.kill()
        for root in self._roots:
            for folder in _deepest_first(root):
                with suppress(FileNotFoundError):
                    folder.rmdir()


def _copy_cpuset(folder: Path) -> None:
    """A new cpuset is empty, and admits nobody."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        file = folder / name
        if file.exists() and not file.read_text().strip():
            file.write_text((folder.parent / name).read_text())


def _pids(file: Path) -> list[int]:
    try:
        return [int(line) for line in file.read_text().split()]
    except OSError:  # it has just been removed
        return []


def _deepest_first(root: Path) -> Iterator[Path]:
    """Others may remove some of them meanwhile."""
    for folder, _, _ in os.walk(root, topdown=False):
        yield Path(folder)
