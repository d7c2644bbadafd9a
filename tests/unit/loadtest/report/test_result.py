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


@pytest.fixture
def figures() -> Figures:
    """Step 2 has slow pages; some of step 3's reads were not answered, and some not started."""
    found = add(healthy(), 1000, step=2, name="cart page", milliseconds=1500)
    for outcome in (Outcome.SERVER, Outcome.TIMEOUT, Outcome.LIMITED):
        add(found, 20, step=3, name="product", milliseconds=200, outcome=outcome)
    found.failures["product: 503"] = 20
    found.tally(3, "product").planned += 40
    return found


def result_of(figures: Figures) -> Result:
    return Result(PLAN, figures, judge(PLAN, figures), ABOUT, USED)


def test_the_report_names_the_step_that_fails_and_claims_nothing_of_an_invalid_run(
    figures: Figures,
) -> None:
    said = ("Passes up to 20 requests/s.", "First fails at 40 requests/s: pages: p99 1500 ms > 500")
    for line in ("step 2: 40 requests/s for 30 s: fail", "errors: 5xx 20, timeout 20", *said):
        assert line in result_of(figures).text()
    assert "    20 x product: 503" in result_of(figures).text()
    figures.tally(3, "product").planned += 100
    report = result_of(figures).text()
    assert "INVALID: step 3: the generator missed 140 of 3200 starts" in report
    assert "This run proves nothing" in report
    assert not any(line in report for line in said)


def test_everything_is_saved_and_no_run_overwrites_another(
    tmp_path: Path, figures: Figures
) -> None:
    folders = {result_of(figures).save(tmp_path) for _ in range(3)}
    assert len(folders) == 3
    saved = {path.name: path.read_text() for path in folders.pop().iterdir()}
    names = {"report.txt", "figures.json", "figures.csv", "latency.svg", "tables.md"}
    assert saved.keys() == names
    rows = csv.DictReader(saved["figures.csv"].splitlines())
    (row,) = [one for one in rows if (one["step"], one["class"]) == ("3", "product")]
    wanted = {"planned": 1100, "started": 1060, "missed": 40, "answered": 1000, "429": 20}
    wanted |= {"5xx": 20, "timeout": 20, "given_up": 0}
    assert {name: int(row[name]) for name in wanted} == wanted
    assert float(row["p50_ms"]) == pytest.approx(10, rel=0.011)
    assert float(row["worst_ms"]) == 200
    content = json.loads(saved["figures.json"])
    assert Plan.from_dict(content["plan"]) == PLAN
    assert content["verdict"]["steps"][1]["failures"] == ["pages: p99 1500 ms > 500 ms"]
    tallies = {(one["step"], one["class"]): one for one in content["figures"]["tallies"]}
    assert tallies[3, "product"]["outcomes"]["429"] == 20
    for line in (
        "| 40 | 1500 ms | 10 ms | 10 ms | 10 ms | 0 | 0 | fail |",
        *("At 40 requests/s:", "| `consumer` | 0.25 | 1 MiB |"),
    ):
        assert line in saved["tables.md"]
    assert "frontend" not in saved["tables.md"]


def test_the_command_makes_the_same_plan_again() -> None:
    plan = Plan((20.0, 40.5), step_seconds=10, arrivals=Arrivals.CONSTANT, seed=7)
    assert command_for(plan, "http://127.0.0.1:8080", 2) == (
        "make load URL=http://127.0.0.1:8080 STEPS=20,40.5 SECONDS=10 WORKERS=2 "
        "'OPTIONS=--arrivals constant --seed 7'"
    )
    assert command_for(Plan((5.0,)), "http://ingress:8080", 3).endswith(
        "docker compose --profile load up --scale load-worker=3"
    )
