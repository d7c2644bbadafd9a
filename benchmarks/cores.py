"""Who works on which core, and how long: what is measured has one for itself."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def two_cores() -> tuple[int, int] | None:
    """One for what is measured and one for load and backing; None where that cannot be had."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else None


def pin(pid: int, core: int) -> None:
    """All threads of the process, and with them those that they start."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), {core})


def cpu_seconds(pids: Iterable[int]) -> float | None:
    """What these processes have computed so far; None where the system does not tell."""
    try:
        stats = [Path(f"/proc/{pid}/stat").read_text() for pid in pids]
    except OSError:
        return None
    # After the name in parentheses; utime and stime are fields 14 and 15 (proc(5)).
    ticks = [sum(map(int, stat.rpartition(")")[2].split()[11:13])) for stat in stats]
    return sum(ticks) / os.sysconf("SC_CLK_TCK")


def exact_cpu_seconds(pid: int) -> float:
    """What the threads that it has now have computed so far, to the microsecond: `cpu_seconds`
    counts in hundredths of a second."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
