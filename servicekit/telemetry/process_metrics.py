"""What a process uses, by the semantic conventions for processes. It also says that the process
lives: before the first request a service has nothing else to report."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from opentelemetry.metrics import CallbackOptions, Meter, Observation

_STATM = Path("/proc/self/statm")  # Linux only; elsewhere memory is left out


def observe_process(meter: Meter) -> None:
    """CPU time, memory and age of this process at each export."""
    began = time.monotonic()

    def cpu_time(_options: CallbackOptions) -> Iterable[Observation]:
        used = os.times()
        yield Observation(used.user, {"cpu.mode": "user"})
        yield Observation(used.system, {"cpu.mode": "system"})

    def memory(_options: CallbackOptions) -> Iterable[Observation]:
        if _STATM.exists():
            resident_pages = int(_STATM.read_text().split()[1])
            yield Observation(resident_pages * os.sysconf("SC_PAGE_SIZE"))

    def uptime(_options: CallbackOptions) -> Iterable[Observation]:
        yield Observation(time.monotonic() - began)

    meter.create_observable_counter("process.cpu.time", [cpu_time], "s", "CPU time by mode")
    meter.create_observable_up_down_counter(
        "process.memory.usage", [memory], "By", "Physical memory in use"
    )
    meter.create_observable_gauge("process.uptime", [uptime], "s", "Time since the start")
