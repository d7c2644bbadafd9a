"""What remains of a load run: the report, its figures and its tables."""

import csv
import json
from pathlib import Path

import pytest

from loadtest.figures import Figures, Outcome
from loadtest.objectives import judge
from loadtest.plan import Arrivals, Plan
from loadtest.report.result import Result, command_for
from tests.unit.loadtest.made_figures import PLAN, add, healthy

ABOUT = {"command": "make load", "date": "2026-03-01 12:00:00 UTC", "machine": "Test"}
USED = {
    2: {"consumer": {"cores": 0.25, "peak_bytes": 2**20}},
    3: {"frontend": {"cores": 0.5, "peak_bytes": 2**21}},
}


def slow_and_faulty() -> Figures:
    """Step 2 has slow pages; of step 3's reads, some were not answered."""
    figures = add(healthy(), 1000, step=2, name="cart page", milliseconds=1500)
    for outcome in (Outcome.SERVER, Outcome.TIMEOUT, Outcome.LIMITED):
        add(figures, 20, step=3, name="product", milliseconds=200, outcome=outcome)
    figures.failures["product: 503"] = 20
    return figures


def result_of(figures: Figures) -> Result:
    return Result(PLAN, figures, judge(PLAN, figures), ABOUT, USED)


def test_the_report_names_the_step_that_fails() -> None:
    report = result_of(slow_and_faulty()).text()
    for line in (
        "step 2: 40 requests/s for 30 s: fail",
        "errors: 5xx 20, timeout 20",
        "    20 x product: 503",
        "Passes up to 20 requests/s.",
        "First fails at 40 requests/s: pages: p99 1500 ms > 500 ms.",
    ):
        assert line in report


def test_the_report_of_an_invalid_run_claims_nothing() -> None:
    figures = slow_and_faulty()
    figures.tally(3, "product").planned += 140
    report = result_of(figures).text()
    assert "INVALID: step 3: the generator missed 140 of 3200 starts" in report
    assert "This run proves nothing" in report
    assert "Passes up" not in report
    assert "First fails" not in report


def test_everything_is_saved_and_no_run_overwrites_another(tmp_path: Path) -> None:
    figures = slow_and_faulty()
    figures.tally(3, "product").planned += 40
    folders = {result_of(figures).save(tmp_path) for _ in range(3)}
    assert len(folders) == 3
    folder = folders.pop()
    assert {path.name for path in folder.iterdir()} == {
        *("report.txt", "figures.json", "figures.csv", "latency.svg", "tables.md")
    }
    with (folder / "figures.csv").open(newline="") as file:
        (row,) = [
            one for one in csv.DictReader(file) if (one["step"], one["class"]) == ("3", "product")
        ]
    assert [row[name] for name in ("planned", "started", "missed", "answered", "429", "5xx")] == [
        *("1100", "1060", "40", "1000", "20", "20")
    ]
    assert float(row["p50_ms"]) == pytest.approx(10, rel=0.011)
    assert float(row["worst_ms"]) == 200
    saved = json.loads((folder / "figures.json").read_text())
    assert Plan.from_dict(saved["plan"]) == PLAN
    (product,) = [
        one for one in saved["figures"]["tallies"] if (one["step"], one["class"]) == (3, "product")
    ]
    assert product["outcomes"]["429"] == 20
    assert saved["verdict"]["steps"][1]["failures"] == ["pages: p99 1500 ms > 500 ms"]
    tables = (folder / "tables.md").read_text()
    assert "| 40 | 1500 ms | 10 ms | 10 ms | 10 ms | 0 | 0 | fail |" in tables
    assert "At 40 requests/s:" in tables
    assert "| `consumer` | 0.25 | 1 MiB |" in tables
    assert "frontend" not in tables


def test_the_command_makes_the_same_plan_again() -> None:
    plan = Plan((20.0, 40.5), step_seconds=10, arrivals=Arrivals.CONSTANT, seed=7)
    assert command_for(plan, "http://127.0.0.1:8080", 2) == (
        "make load URL=http://127.0.0.1:8080 STEPS=20,40.5 SECONDS=10 WORKERS=2 "
        "'OPTIONS=--arrivals constant --seed 7'"
    )
    assert command_for(Plan((5.0,)), "http://ingress:8080", 3).endswith(
        "docker compose --profile load up --scale load-worker=3"
    )
