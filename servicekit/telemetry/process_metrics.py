"""What a process is and what it uses, by the semantic conventions for processes and for CPython. It
also says that the process lives: before the first request a service has nothing else to report."""

import gc
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from contracts.telemetry import BUILD_INFO
from servicekit.telemetry.metrics import observe_gauges

# Linux only; elsewhere memory and open files are left out.
_STATM, _OPEN_FILES = Path("/proc/self/statm"), Path("/proc/self/fd")
# Which release it is, the resource says: `service.version`.
_RUNTIME = {
    "process.runtime.name": platform.python_implementation().lower(),
    "process.runtime.version": platform.python_version(),
}
_OF_THE_COLLECTOR = (
    ("collections", "{collection}", "Collections of a generation"),
    ("collected_objects", "{object}", "Objects collected in a generation"),
    ("uncollectable_objects", "{object}", "Objects found to be uncollectable in a generation"),
)


def observe_process(meter: Meter) -> None:
    """CPU time, memory, threads, open files, garbage collector and age at each export."""
    began = time.monotonic()

    def cpu_time(_options: CallbackOptions) -> Iterable[Observation]:
        used = os.times()
        yield Observation(used.user, {"cpu.mode": "user"})
        yield Observation(used.system, {"cpu.mode": "system"})

    def memory(_options: CallbackOptions) -> Iterable[Observation]:
        if _STATM.exists():
            resident_pages = int(_STATM.read_text().split()[1])
            yield Observation(resident_pages * os.sysconf("SC_PAGE_SIZE"))

    def threads(_options: CallbackOptions) -> Iterable[Observation]:
        yield Observation(threading.active_count())

    def open_files(_options: CallbackOptions) -> Iterable[Observation]:
        if _OPEN_FILES.exists():
            yield Observation(sum(1 for _ in _OPEN_FILES.iterdir()))

    def uptime(_options: CallbackOptions) -> Iterable[Observation]:
        yield Observation(time.monotonic() - began)

    meter.create_observable_counter("process.cpu.time", [cpu_time], "s", "CPU time by mode")
    for name, read, unit, description in (
        ("memory.usage", memory, "By", "Physical memory in use"),
        ("thread.count", threads, "{thread}", "Threads of Python"),
        ("unix.file_descriptor.count", open_files, "{file_descriptor}", "Open files and sockets"),
    ):
        meter.create_observable_up_down_counter(f"process.{name}", [read], unit, description)
    meter.create_observable_gauge("process.uptime", [uptime], "s", "Time since the start")
    for what, unit, description in _OF_THE_COLLECTOR:
        read_it = _of_each_generation(what.removesuffix("_objects"))
        meter.create_observable_counter(f"cpython.gc.{what}", [read_it], unit, description)
    observe_gauges(BUILD_INFO, lambda: [(1.0, _RUNTIME)])


def _of_each_generation(what: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def read(_options: CallbackOptions) -> Iterable[Observation]:
        for generation, counts in enumerate(gc.get_stats()):
            yield Observation(counts[what], {"cpython.gc.generation": str(generation)})

    return read
