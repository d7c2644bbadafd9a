"""Real load runs, a few seconds each: Locust in its own environment, against a shop that is
unwell as planned, and against the real one."""

import csv
import itertools
import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from loadtest.plan import Arrivals, Plan
from loadtest.workload import COMPLETION
from local.free_port import free_port
from tests.integration.loadtest.fake_shop import Dropped, fake_shop
from tests.processes import CLEAN, ROOT
from tests.stack import RunningStack

pytestmark = pytest.mark.integration

LOCUST_PYTHON = ROOT / ".venv" / "load" / "bin" / "python"
# On a machine that is too busy to start everything in time the run is invalid on top of it.
FAILED = (1, 3)


def plan_of(*rates: float, **other: Any) -> Plan:
    return Plan(rates, **{"rest_seconds": 0.0, "warm_up_seconds": 0.0, **other})


class LoadRun:
    """One run as a process; `plan` is what it is asked for."""

    def __init__(self, folder: Path, url: str, plan: Plan, *options: str) -> None:
        if not LOCUST_PYTHON.exists():
            pytest.skip("no .venv/load: `make test` sets it up")
        self.results, self._log = folder / "results", folder / "load.log"
        asked = {
            "host": url,
            "results": self.results,
            "steps": ",".join(f"{rate:g}" for rate in plan.rates),
            **{name: value for name, value in plan.to_dict().items() if name != "rates"},
        }
        command = [
            *(str(LOCUST_PYTHON), "-m", "locust", "-f", "loadtest/locustfile.py", "--headless"),
            *(f"--{name.replace('_', '-')}={value}" for name, value in asked.items()),
        ]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *options],
                cwd=ROOT,
                env=CLEAN,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A shell that started the tests in the background has it ignored.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def ends(self, *codes: int) -> None:
        try:
            assert self.process.wait(90) in codes, self.output
        finally:
            self.process.kill()
            self.process.wait()
        if self.results.exists():
            verdict = self.json()["verdict"]
            outcomes = {step["outcome"] for step in verdict["steps"]}
            told = 3 if not verdict["valid"] else int("fail" in outcomes)
            assert self.process.returncode == told, "the exit code is not that of the verdict"

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def saved(self, name: str) -> str:
        (path,) = self.results.glob(f"*/{name}")
        return path.read_text()

    def rows(self, step: int = 1) -> dict[str, dict[str, float]]:
        """Of the CSV, by class."""
        return {
            row["class"]: {key: float(one) for key, one in row.items() if key != "class" and one}
            for row in csv.DictReader(self.saved("figures.csv").splitlines())
            if row["step"] == str(step)
        }

    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.saved("figures.json"))
        return content

    @property
    def failures(self) -> str:
        """Which objectives the first step did not meet."""
        return "; ".join(self.json()["verdict"]["steps"][0]["failures"])


def planned(plan: Plan, step: int = 1) -> Counter[str]:
    """How often each class is to be sent."""
    return Counter(name for one in plan.visits() if one.step == step for name in one.requests)


def test_every_failure_is_counted_as_what_it_is(tmp_path: Path) -> None:
    plan = plan_of(60.0, step_seconds=3.0, timeout_seconds=1.0, order_timeout_seconds=1.0)
    turns = itertools.cycle(("drop", "wait", "answer"))

    def in_turn() -> None:
        turn = next(turns)
        if turn == "drop":
            raise Dropped
        time.sleep(2 if turn == "wait" else 0)

    with fake_shop() as shop:
        shop.faults = {
            "catalogue page": lambda: (200, "<h1>Nothing here</h1>"),
            "search page": lambda: (503, ""),
            # Its first answer is asked for before the run begins.
            "product list": lambda: (429, "") if shop.first_visit.is_set() else None,
            "order by form": lambda: (422, ""),
            "order status": lambda: (200, '{"status": "accepted"}'),
            "cart page": in_turn,
        }
        run = LoadRun(tmp_path, shop.url, plan)
        run.ends(*FAILED)
        without, guests = shop.cookies.pop(""), shop.cookies
    rows, orders = run.rows(), planned(plan)
    for name, outcome in {
        "catalogue page": "wrong content",
        "search page": "5xx",
        "product list": "429",
        "order by form": "4xx",
        COMPLETION: "wrong content",
    }.items():
        assert rows[name][outcome] == rows[name]["started"] > 0, name
        assert rows[name]["answered"] == 0
    for outcome in ("connection", "timeout"):
        assert rows["cart page"][outcome] > 0
    assert rows["cart page"]["worst_ms"] >= 1000
    # A 429 has no latency that could make the shop look quick.
    assert "p99_ms" not in rows["product list"]
    assert rows["status page"]["given_up"] == orders["status page"]
    for row in rows.values():
        assert row["planned"] == row["started"] + row["given_up"]
    assert "search page: 503" in run.output
    assert rows[COMPLETION]["started"] == orders["order by program"]
    assert rows[COMPLETION]["p50_ms"] >= 1000
    assert rows["order status"]["started"] > orders["order by program"]  # asked again
    assert f"orders that did not end: {orders['order by program']}" in run.failures
    # The first answer makes a guest; who comes back is one already.
    assert len(guests) <= without < len(list(plan.visits()))
    assert max(guests.values()) > 5  # more than one visit has requests


def test_a_stall_of_the_shop_is_felt_by_everyone_who_was_to_come_meanwhile(tmp_path: Path) -> None:
    """A closed loop would send nothing during the stall, and report one slow answer per user."""
    plan = plan_of(50.0, step_seconds=5.0, arrivals=Arrivals.CONSTANT)
    with fake_shop() as shop:
        run = LoadRun(tmp_path, shop.url, plan)
        assert shop.first_visit.wait(60), run.output
        time.sleep(1)  # in the middle of the step
        shop.stall(2)
        run.ends(*FAILED)
    assert "pages: p99" in run.failures
    rows = run.rows()
    assert max(row["worst_ms"] for row in rows.values()) >= 1800
    buckets = [
        (float(milliseconds), count)
        for tally in run.json()["figures"]["tallies"]
        if tally["class"] != COMPLETION
        for milliseconds, count in tally["response_times"].items()
    ]
    assert any(one % 1 for one, _ in buckets), "Locust's own buckets are whole milliseconds"
    slow = sum(count for milliseconds, count in buckets if milliseconds > 500)
    # Some 19 visits/s were to begin during the first 1.5 s of it.
    assert slow >= 20
    for name, times in planned(plan).items():
        assert rows[name]["started"] == rows[name]["planned"] >= times
    # No start waited for an answer; a few may be late on a busy machine.
    assert sum(row["missed"] for row in rows.values()) < 0.2 * sum(planned(plan).values())


def test_a_generator_that_was_stalled_makes_the_run_invalid(tmp_path: Path) -> None:
    with fake_shop() as shop:
        run = LoadRun(tmp_path, shop.url, plan_of(50.0, step_seconds=4.0))
        assert shop.first_visit.wait(60), run.output
        run.process.send_signal(signal.SIGSTOP)
        time.sleep(2)  # what is to be noticed
        run.process.send_signal(signal.SIGCONT)
        run.ends(3)
    assert "INVALID: step 1: the generator missed" in run.output
    # The shop was quick: what was slow is the start, and it counts.
    assert max(row["worst_ms"] for row in run.rows().values()) >= 1500


def test_a_run_that_is_interrupted_proves_nothing(tmp_path: Path) -> None:
    with fake_shop() as shop:
        run = LoadRun(tmp_path, shop.url, plan_of(20.0, step_seconds=60.0))
        assert shop.first_visit.wait(60), run.output
        run.process.send_signal(signal.SIGINT)
        run.ends(3)
    assert "INVALID: generator 1 of 1 did not report its end" in run.output


def test_two_generators_send_one_plan_to_the_real_shop(tmp_path: Path) -> None:
    plan, port = plan_of(15.0, 30.0, step_seconds=2.5), free_port()
    with RunningStack(tmp_path / "shop") as shop:
        run = LoadRun(
            *(tmp_path, shop.shop_url, plan, "--processes=2", f"--usage={shop.data}"),
            *(f"--master-bind-port={port}", f"--master-port={port}"),
        )
        run.ends(0, *FAILED)  # quick enough or not
    for step in (1, 2):
        rows = run.rows(step)
        ordered = sum(rows[name]["answered"] for name in rows if name.startswith("order by"))
        assert rows[COMPLETION]["answered"] == ordered > 0
        for row in rows.values():
            assert row["answered"] == row["started"] == row["planned"]
        for name, times in planned(plan, step).items():
            assert rows[name]["planned"] >= times
    content = run.json()
    assert "2 generators" in content["about"]["machine"]
    for verdict in content["verdict"]["steps"]:
        assert verdict["usage"]["frontend"]["cores"] > 0
        assert verdict["usage"]["consumer"]["peak_bytes"] > 10 * 2**20
    assert run.saved("latency.svg").count("<polyline") == 12


@pytest.mark.parametrize(
    ("url", "options", "sentence"),
    [
        ("http://203.0.113.5:8080", [], "--allow-host 203.0.113.5"),
        ("http://127.0.0.1:1", ["--steps", "100000"], "at most 5000 requests/s"),
    ],
)
def test_what_is_out_of_bounds_is_refused_before_anything_is_sent(
    tmp_path: Path, url: str, options: list[str], sentence: str
) -> None:
    run = LoadRun(tmp_path, url, Plan((1.0,)), *options)
    run.ends(2)
    assert sentence in run.output
