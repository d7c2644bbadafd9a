"""`make bench` with tiny settings: it finds every ratio and leaves nothing behind."""

import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.layout import ROOT
from tests.e2e.conftest import eventually

pytestmark = pytest.mark.e2e

OPTIONS = ["--rounds", "1", "--seconds", "0.3", "--connections", "4"]


class Bench:
    """The benchmark, and every process that descends from it: they share a temporary folder."""

    def __init__(self, folder: Path) -> None:
        if not Path("/proc").exists():
            pytest.skip("no /proc on this system")
        self._mark = f"TMPDIR={folder}\0"
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks", *OPTIONS],
                cwd=ROOT,
                env={**os.environ, "TMPDIR": str(folder)},
                stdout=out,
                stderr=err,
            )

    def left_behind(self) -> list[str]:
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (path / "environ").read_bytes():
                    found.append((path / "cmdline").read_text().replace("\0", " "))
            except OSError:  # ended meanwhile, or not ours
                continue
        return found


def test_every_pair_has_finite_ratios(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.process.wait(110) == 0, bench.stderr.read_text()
    printed = bench.stdout.read_text()
    assert re.search(r"^command   python -m benchmarks --rounds 1 --seconds 0.3 ", printed, re.M)
    assert re.search(r"^machine   .* \d+ cores", printed, re.M)
    assert f"CPython {sys.version.split()[0]}" in printed
    assert re.search(r"fastapi \d+\.\d+", printed)
    lines = re.findall(r"^(.+?)  +([\d.]+) +([\d.]+) +([\d.]+) +\d+%$", printed, re.M)
    pairs = [
        "api-gw / plain FastAPI hello",
        "frontend → api-gw → service-http / service-http alone",
        "the chain with telemetry on / off",
    ]
    assert [line[0].strip() for line in lines] == pairs * 2  # per second, and per second of CPU
    for _, *ratios in lines:
        assert all(math.isfinite(float(ratio)) and float(ratio) > 0 for ratio in ratios)
    assert "round 1 of 1" in bench.stderr.read_text()
    assert bench.left_behind() == []
    assert {path.name for path in tmp_path.iterdir()} == {"stdout", "stderr"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_benchmark_that_is_ended_takes_all_it_started_with_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    bench = Bench(tmp_path)
    eventually(bench.stderr.read_text, lambda text: "a shop without telemetry" in text, 60)
    eventually(bench.left_behind, lambda found: len(found) > 6, 60)  # some of the shop too
    bench.process.send_signal(number)
    assert bench.process.wait(60) == (130 if number == signal.SIGTERM else -signal.SIGKILL)
    eventually(bench.left_behind, lambda found: found == [], 60)


@pytest.mark.parametrize("option", ["--rounds=0", "--seconds=3600", "--connections=100000"])
def test_load_is_bounded(option: str) -> None:
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", option], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "must be between" in ended.stderr
    assert time.monotonic() - began < 60
