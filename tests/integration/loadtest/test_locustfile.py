"""Real load runs, a few seconds each: Locust in its own environment, against a shop that is
unwell as planned, and against the real one."""

import csv
import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from loadtest.plan import Arrivals, Plan
from loadtest.workload import COMPLETION
from tests.integration.loadtest.fake_shop import Dropped, fake_shop
from tests.processes import CLEAN, ROOT
from tests.servers import free_port
from tests.stack import RunningStack

pytestmark = pytest.mark.integration

LOCUST_PYTHON = ROOT / ".venv" / "load" / "bin" / "python"
# On a machine that is too busy to start everything in time the run is invalid on top of it.
FAILED = (1, 3)
USUAL = {"rest_seconds": 0.0, "warm_up_seconds": 0.0}


class LoadRun:
    """One run as a process; `plan` is what it is asked for."""

    def __init__(self, folder: Path, url: str, plan: Plan, *options: str) -> None:
        if not LOCUST_PYTHON.exists():
            pytest.skip("no .venv/load: `make test` sets it up")
        self.results, self._log = folder / "results", folder / "load.log"
        command = [
            *(str(LOCUST_PYTHON), "-m", "locust", "-f", "loadtest/locustfile.py", "--headless"),
            *("--host", url, "--results", str(self.results)),
            *("--steps", ",".join(f"{rate:g}" for rate in plan.rates)),
            *(f"--step-seconds={plan.step_seconds}", f"--rest-seconds={plan.rest_seconds}"),
            *(
                f"--warm-up-seconds={plan.warm_up_seconds}",
                f"--timeout-seconds={plan.timeout_seconds}",
            ),
            *(f"--order-timeout-seconds={plan.order_timeout_seconds}", f"--seed={plan.seed}"),
            *("--arrivals", str(plan.arrivals), *options),
        ]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=CLEAN,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A shell that started the tests in the background has it ignored.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def wait(self) -> int:
        try:
            return self.process.wait(90)
        finally:
            self.process.kill()
            self.process.wait()

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def _folder(self) -> Path:
        (folder,) = self.results.iterdir()
        return folder

    def rows(self, step: int = 1) -> dict[str, dict[str, float]]:
        """Of the CSV, by class."""
        with (self._folder / "figures.csv").open(newline="") as file:
            return {
                row["class"]: {
                    name: float(value) for name, value in row.items() if name != "class" and value
                }
                for row in csv.DictReader(file)
                if row["step"] == str(step)
            }

    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self._folder / "figures.json").read_text())
        return content

    @property
    def failures(self) -> list[str]:
        """Which objectives the first step did not meet."""
        sentences: list[str] = self.json()["verdict"]["steps"][0]["failures"]
        return sentences

    def plot(self) -> ElementTree.Element:
        return ElementTree.parse(self._folder / "latency.svg").getroot()


def planned(plan: Plan, step: int = 1) -> Counter[str]:
    """How often each class is to be sent."""
    return Counter(name for one in plan.visits() if one.step == step for name in one.requests)


def drop() -> None:
    raise Dropped


def test_every_class_of_failure_is_counted_as_what_it_is(tmp_path: Path) -> None:
    plan = Plan((60.0,), step_seconds=3, timeout_seconds=1, order_timeout_seconds=1, **USUAL)
    with fake_shop() as shop:
        shop.faults = {
            "catalogue page": lambda: (200, "<h1>Nothing here</h1>"),
            "search page": lambda: (503, ""),
            "product page": drop,
            # Its first answer is asked for before the run begins.
            "product list": lambda: (429, "") if shop.first_visit.is_set() else None,
            "product": lambda: time.sleep(2),
        }
        run = LoadRun(tmp_path, shop.url, plan)
        assert run.wait() in FAILED, run.output
    rows = run.rows()
    for name, outcome in {
        "catalogue page": "wrong content",
        "search page": "5xx",
        "product page": "connection",
        "product list": "429",
    }.items():
        assert rows[name][outcome] == rows[name]["started"] > 0
        assert rows[name]["answered"] == 0
    # Programs that read were kept away by the list before it; those that order were not.
    assert rows["product"]["timeout"] == rows["product"]["started"] > 0
    assert rows["product"]["p50_ms"] >= 1000
    # A 429 has no latency that could make the shop look quick.
    assert "p99_ms" not in rows["product list"]
    assert sum(row["given_up"] for row in rows.values()) > 0
    for row in rows.values():
        assert row["planned"] == row["started"] + row["given_up"]
    assert run.failures
    assert "search page: 503" in run.output


def test_an_order_without_an_end_and_a_refused_one_are_found(tmp_path: Path) -> None:
    plan = Plan((60.0,), step_seconds=3, order_timeout_seconds=1, **USUAL)
    with fake_shop() as shop:
        shop.faults = {
            "order status": lambda: (200, '{"status": "accepted"}'),
            "order by form": lambda: (422, ""),
        }
        run = LoadRun(tmp_path, shop.url, plan)
        assert run.wait() in FAILED, run.output
        without, guests = shop.cookies.pop(""), shop.cookies
    rows = run.rows()
    orders = planned(plan)
    assert rows[COMPLETION]["wrong content"] == orders["order by program"]
    assert rows[COMPLETION]["p50_ms"] >= 1000
    assert rows["order status"]["started"] > orders["order by program"]  # asked again
    assert rows["order by form"]["4xx"] == orders["order by form"]
    assert rows["status page"]["given_up"] == orders["status page"]
    assert f"orders that did not end: {orders['order by program']}" in run.failures
    # The first answer makes a guest; who comes back is one already.
    assert len(guests) <= without < len(list(plan.visits()))
    assert max(guests.values()) > 5  # more than one visit has clicks


def test_a_stall_of_the_shop_is_felt_by_everyone_who_was_to_come_meanwhile(tmp_path: Path) -> None:
    """A closed loop would send nothing during the stall, and report one slow answer per user."""
    plan = Plan((50.0,), step_seconds=5, arrivals=Arrivals.CONSTANT, **USUAL)
    with fake_shop() as shop:
        run = LoadRun(tmp_path, shop.url, plan)
        assert shop.first_visit.wait(60), run.output
        time.sleep(1)  # in the middle of the step
        shop.stall(2)
        assert run.wait() in FAILED, run.output
    assert any(text.startswith("pages: p99") for text in run.failures)
    rows = run.rows()
    assert max(row["worst_ms"] for row in rows.values()) >= 1800
    slow = 0
    for tally in run.json()["figures"]["tallies"]:
        if tally["class"] != COMPLETION:
            slow += sum(count for key, count in tally["response_times"].items() if float(key) > 500)
    # Some 19 visits/s were to begin during the first 1.5 s of it.
    assert slow >= 20
    for name, count in planned(plan).items():
        assert rows[name]["started"] == rows[name]["planned"] >= count
    # No start waited for an answer; a few may be late on a busy machine.
    assert sum(row["missed"] for row in rows.values()) < 0.2 * sum(planned(plan).values())


def test_a_generator_that_was_stalled_makes_the_run_invalid(tmp_path: Path) -> None:
    plan = Plan((50.0,), step_seconds=4, **USUAL)
    with fake_shop() as shop:
        run = LoadRun(tmp_path, shop.url, plan)
        assert shop.first_visit.wait(60), run.output
        run.process.send_signal(signal.SIGSTOP)
        time.sleep(2)  # what is to be noticed
        run.process.send_signal(signal.SIGCONT)
        assert run.wait() == 3, run.output
    assert "INVALID: step 1: the generator missed" in run.output
    assert "This run proves nothing" in run.output
    # The shop was quick: what was slow is the start, and it counts.
    assert max(row["worst_ms"] for row in run.rows().values()) >= 1500
    assert run.json()["verdict"]["valid"] is False
    texts = [element.text for element in run.plot().iter("{http://www.w3.org/2000/svg}text")]
    assert "INVALID RUN" in texts


def test_a_run_that_is_interrupted_proves_nothing(tmp_path: Path) -> None:
    with fake_shop() as shop:
        run = LoadRun(tmp_path, shop.url, Plan((20.0,), step_seconds=60, **USUAL))
        assert shop.first_visit.wait(60), run.output
        run.process.send_signal(signal.SIGINT)
        assert run.wait() == 3, run.output
    assert "INVALID: generator 1 of 1 did not report its end" in run.output


def test_two_generators_send_one_plan_to_the_real_shop(tmp_path: Path) -> None:
    plan = Plan((15.0, 30.0), step_seconds=2.5, **USUAL)
    with RunningStack(tmp_path / "shop") as shop:
        run = LoadRun(
            *(tmp_path, shop.shop_url, plan, "--processes", "2"),
            *("--usage", str(shop.data), f"--master-bind-port={(port := free_port())}"),
            f"--master-port={port}",
        )
        assert run.wait() in (0, *FAILED), run.output  # quick enough or not
    for step in (1, 2):
        rows = run.rows(step)
        ordered = sum(rows[name]["answered"] for name in rows if name.startswith("order by"))
        assert ordered > 0
        assert rows[COMPLETION]["answered"] == ordered
        for row in rows.values():
            assert row["answered"] == row["started"] == row["planned"]
        for name, count in planned(plan, step).items():
            assert rows[name]["planned"] >= count
    content = run.json()
    assert "2 generators" in content["about"]["machine"]
    for verdict in content["verdict"]["steps"]:
        assert verdict["usage"]["frontend"]["cores"] > 0
        assert verdict["usage"]["consumer"]["peak_bytes"] > 10 * 2**20
    assert len(list(run.plot().iter("{http://www.w3.org/2000/svg}polyline"))) == 12


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
    assert run.wait() == 2, run.output
    assert sentence in run.output
