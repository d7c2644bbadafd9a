"""`make bench` with tiny settings: it finds every ratio and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.layout import ROOT
from tests.processes import processes_with
from tests.waiting import eventually

pytestmark = pytest.mark.e2e


class Bench:
    """The benchmark, and every process that descends from it: they share a temporary folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        if not Path("/proc").exists():
            pytest.skip("no /proc on this system")
        self._mark = f"TMPDIR={folder}\0".encode()
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks", *options],
                cwd=ROOT,
                env={**os.environ, "TMPDIR": str(folder)},
                stdout=out,
                stderr=err,
            )

    def left_behind(self) -> list[str]:
        return processes_with(self._mark)


@pytest.mark.timeout(420)  # it starts four shops, all on one core, while others use it
def test_every_pair_has_finite_ratios(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "--rounds=1", "--seconds=0.3", "--connections=4")
    assert bench.process.wait(400) == 0, bench.stderr.read_text()
    printed = bench.stdout.read_text()
    assert "python -m benchmarks --rounds 1 --seconds 0.3 --connections 4\n" in printed
    assert f"CPython {sys.version.split()[0]}" in printed
    lines = re.findall(r"^(\S.+?)  +([\d.]+) +[\d.]+ +[\d.]+ +\d+%$", printed, re.M)
    pairs = [
        "api-gw / plain FastAPI hello",
        "api-gw with admission control / without",
        "frontend → api-gw → service-http / service-http alone",
        "the chain with telemetry on / off",
        "product from Redis / the same without Redis",
        "page / as its JSON",
        "page of a search / as its JSON",
        "FastAPI hello with spans by its instrumentation / by our own",
        "publish, each order fsynced / fsynced once a second",
        "consume, 100 orders per commit / one per commit",
    ]
    asked = ["frontend: /", "frontend: a product", "api-gw: a product"]
    tails = [*asked, "service-http: a product", "publisher: an order"]
    # Per second, and per second of CPU; then how long the slowest answers take.
    assert [pair for pair, _ in lines] == [*pairs, *pairs, *tails]
    assert all(float(ratio) > 0 for _, ratio in lines)
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
def test_load_is_bounded(tmp_path: Path, option: str) -> None:
    bench = Bench(tmp_path, option)
    assert bench.process.wait(60) == 2
    assert "must be between" in bench.stderr.read_text()
