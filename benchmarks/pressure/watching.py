"""What is looked at while a scenario is played: the processes, and customers of another kind."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.cores import cpu_seconds
from local.layout import ROOT
from local.supervisor import enter_child


@asynccontextmanager
async def watched(pids: Mapping[str, int]) -> AsyncIterator[list[dict[str, float]]]:
    """Cores of each process, once a second, and of this one, the generator."""
    cores: list[dict[str, float]] = []
    pids = {**pids, "generator": os.getpid()}

    async def watch() -> None:
        before: dict[str, float] = {}
        while True:
            now = {name: cpu_seconds([pid]) or 0.0 for name, pid in pids.items()}
            if before:
                cores.append({name: now[name] - before[name] for name in now})
            before = now
            await asyncio.sleep(1)

    task = asyncio.ensure_future(watch())
    try:
        yield cores
    finally:
        task.cancel()


@contextmanager
def visited(url: str, file: Path, seconds: float) -> Iterator[list[dict[str, Any]]]:
    """By ten customers (`customers`); what they noted is there after the block."""
    noted: list[dict[str, Any]] = []
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.pressure.customers", url, file, f"{seconds}"],
        cwd=ROOT,
        preexec_fn=enter_child,
    )
    try:
        yield noted
    finally:
        with suppress(OSError):
            noted += [json.loads(line) for line in file.read_text().splitlines()]
        process.kill()
        process.wait()
