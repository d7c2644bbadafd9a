"""What is looked at while a scenario is played: the processes, and customers of another kind."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.cores import cpu_seconds
from contracts.telemetry import FRONTEND_SHED, GATEWAY_RETRIES, GATEWAY_SHED
from local.layout import ROOT
from local.supervisor import enter_child

# Processes that are there for the measurement alone.
GENERATOR, CUSTOMERS, PROXIES = LOAD = ("generator", "customers", "proxies")


def cpu_by_name(pids: Mapping[str, int]) -> dict[str, float]:
    """What each has computed so far, in seconds."""
    return {name: cpu_seconds([pid]) or 0.0 for name, pid in pids.items()}


@asynccontextmanager
async def watched(pids: Mapping[str, int]) -> AsyncIterator[list[dict[str, float]]]:
    """Cores of each process, once a second."""
    cores: list[dict[str, float]] = []

    async def watch() -> None:
        before: dict[str, float] = {}
        while True:
            now = cpu_by_name(pids)
            if before:
                cores.append({name: now[name] - before[name] for name in now})
            before = now
            await asyncio.sleep(1)

    task = asyncio.ensure_future(watch())
    try:
        yield cores
    finally:
        task.cancel()


def count_refusals(telemetry_url: str) -> Counter[str]:
    """Of the shop so far, by who refused and why, and second tries; by its own metrics, which come
    every five seconds."""
    found = Counter[str]()
    for metric in httpx.get(f"{telemetry_url}/api/metrics", timeout=60).json()["metrics"]:
        for series in metric["series"]:
            attributes = series["attributes"]
            if metric["name"] in (FRONTEND_SHED.name, GATEWAY_SHED.name):
                found[f"{series['service']} {attributes['reason']}"] += series["value"]
            elif metric["name"] == GATEWAY_RETRIES.name and attributes["outcome"] == "sent":
                found["second tries"] += series["value"]
    return found


@dataclass
class Visits:
    pid: int
    # What was noted is there after the block.
    noted: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def visited(url: str, file: Path, seconds: float) -> Iterator[Visits]:
    """By ten customers (`customers`)."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.pressure.customers", url, file, f"{seconds}"],
        cwd=ROOT,
        preexec_fn=enter_child,
    )
    visits = Visits(process.pid)
    try:
        yield visits
    finally:
        with suppress(OSError):
            visits.noted += [json.loads(line) for line in file.read_text().splitlines()]
        process.kill()
        process.wait()
