"""What remains of a load run: text, figures, plot, and the sum of what its generators report."""

import csv
import io
import json
import os
import re
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from loadtest import usage
from loadtest.figures import Figures, Outcome
from loadtest.lead import Run
from loadtest.objectives import judge
from loadtest.plan import Arrivals, Plan, PlanRefused
from loadtest.plot import draw
from loadtest.result import Result, command_for
from loadtest.usage import Sample, StepUsage, read_processes, reader_for
from tests.load_figures import filled, healthy

PLAN = Plan((20.0, 40.0, 80.0))
SVG = "{http://www.w3.org/2000/svg}"
ABOUT = {
    "command": "make load",
    "target": "http://shop<&>:8080",
    "date": "2026-03-01 12:00:00 UTC",
    "machine": "Test",
}


def result_of(figures: Figures) -> Result:
    return Result(PLAN, figures, judge(PLAN, figures), ABOUT)


def broken() -> Figures:
    figures = healthy()
    figures.merge(filled(step=2, name="cart page", seconds=1.5))
    tally = figures.tally(3, "product")
    tally.planned += 100
    for outcome in (Outcome.SERVER, Outcome.TIMEOUT, Outcome.LIMITED):
        for _ in range(20):
            tally.record(outcome, 0.2)
    figures.complain("product: 503")
    return figures


def plotted(figures: Figures) -> ElementTree.Element:
    return ElementTree.fromstring(draw(judge(PLAN, figures), figures, ABOUT))


def texts(picture: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SVG}text")]


def test_the_plot_is_well_formed_and_says_what_it_shows() -> None:
    picture = plotted(broken())
    written = texts(picture)
    assert picture.tag == f"{SVG}svg"
    assert "Latency from the planned start, over the offered rate" in written
    assert any("http://shop<&>:8080" in text for text in written)
    for text in ("p50", "p95", "p99", "500 ms", "250 ms", "5000 ms", "offered requests/s", "429"):
        assert text in written


def test_every_percentile_of_every_group_is_a_curve_through_each_step() -> None:
    picture = plotted(healthy())
    curves = [one.attrib["points"].split() for one in picture.iter(f"{SVG}polyline")]
    assert [len(curve) for curve in curves] == [len(PLAN.rates)] * 3 * 4
    width, height = map(float, picture.attrib["viewBox"].split()[2:])
    for curve in curves:
        points = [tuple(map(float, point.split(","))) for point in curve]
        assert all(0 < x < width and 0 < y < height for x, y in points)
        assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert "INVALID RUN" not in texts(picture)


def test_a_slower_step_is_drawn_higher() -> None:
    figures = healthy()
    figures.merge(filled(step=2, name="cart page", seconds=1.5))
    pages_p99 = [*plotted(figures).iter(f"{SVG}polyline")][2]
    heights = [float(point.split(",")[1]) for point in pages_p99.attrib["points"].split()]
    assert heights[1] < heights[0] == heights[2]


def test_a_run_without_any_answer_can_be_plotted() -> None:
    figures = Figures()
    figures.tally(1, "product").planned = 5
    assert "INVALID RUN" in texts(plotted(figures))


def test_the_report_names_the_step_that_breaks() -> None:
    figures = healthy()
    figures.merge(filled(step=2, name="cart page", seconds=1.5))
    report = result_of(figures).text()
    assert "step 2: 40 requests/s for 30 s: broken" in report
    assert "They hold up to 20 requests/s." in report
    assert "First broken at 40 requests/s: pages: p99 1500 ms > 500 ms." in report


def test_the_report_of_an_invalid_run_claims_nothing() -> None:
    figures = broken()
    figures.tally(3, "product").planned += 100
    report = result_of(figures).text()
    assert "INVALID: step 3: the generator missed 140 of 3200 starts" in report
    assert "This run proves nothing" in report
    assert "They hold" not in report
    assert "First broken" not in report
    assert "5xx 20, timeout 20" in report


def test_the_figures_are_saved_as_json_and_csv(tmp_path: Path) -> None:
    folder = result_of(broken()).save(tmp_path)
    assert {path.name for path in folder.iterdir()} == {
        *("report.txt", "figures.json", "figures.csv", "latency.svg", "tables.md")
    }
    rows = list(csv.DictReader(io.StringIO((folder / "figures.csv").read_text())))
    (row,) = [one for one in rows if (one["step"], one["class"]) == ("3", "product")]
    assert [row[name] for name in ("planned", "started", "missed", "answered", "429", "5xx")] == [
        *("1100", "1060", "40", "1000", "20", "20")
    ]
    assert float(row["p50_ms"]) == pytest.approx(10, rel=0.011)
    saved = json.loads((folder / "figures.json").read_text())
    assert Figures.from_plain(saved["figures"]).tally(3, "product").limited == 20
    assert Plan.from_plain(saved["plan"]) == PLAN


def test_the_tables_show_what_services_used_where_an_objective_breaks(tmp_path: Path) -> None:
    figures = healthy()
    figures.merge(filled(step=2, name="cart page", seconds=1.5))
    used = {
        2: {"consumer": {"cores": 0.25, "peak_bytes": 2**20}},
        3: {"frontend": {"cores": 0.5, "peak_bytes": 2**21}},
    }
    result = Result(PLAN, figures, judge(PLAN, figures), ABOUT, used)
    text = (result.save(tmp_path) / "tables.md").read_text()
    assert "| 40 | 1500 ms | 10 ms | 10 ms | 10 ms | 0 | 0 | broken |" in text
    assert "At 40 requests/s:" in text
    assert "| `consumer` | 0.25 | 1 MiB |" in text
    assert "frontend" not in text


def test_no_run_overwrites_another(tmp_path: Path) -> None:
    folders = {result_of(healthy()).save(tmp_path) for _ in range(3)}
    assert len(folders) == 3


def test_the_command_makes_the_same_plan_again() -> None:
    plan = Plan((20.0, 40.5), step_seconds=10, arrivals=Arrivals.CONSTANT, seed=7)
    assert command_for(plan, "http://127.0.0.1:8080", 2) == (
        "make load URL=http://127.0.0.1:8080 STEPS=20,40.5 SECONDS=10 WORKERS=2 "
        "'OPTIONS=--arrivals constant --seed 7'"
    )
    assert command_for(Plan((5.0,)), "http://ingress:8080", 3).endswith(
        "docker compose --profile load up --scale load-worker=3"
    )


def run_with(generators: list[str], begins_at: float = 1000.0) -> Run:
    run = Run(Plan((20.0,), warm_up_seconds=0), "http://shop", [], generators, "Locust 1")
    run.begin(begins_at)
    return run


def report(figures: Figures, *, finished: bool = True, begins_at: float = 1000.0) -> dict[str, Any]:
    return {
        "figures": figures.as_plain(),
        "cores": {"1": 0.25},
        "finished": finished,
        "begins_at": begins_at,
    }


def test_the_last_report_of_each_generator_counts() -> None:
    run = run_with(["a", "b"])
    run.take("a", report(filled(count=100), finished=False))
    run.take("b", report(filled(count=300)))
    assert not run.is_over(1010)
    run.take("a", report(filled(count=400)))
    assert run.is_over(1010)
    result = run.result()
    assert result.figures.tally(1, "product page").started == 700
    assert result.verdict.exit_code == 0
    assert result.generator_cores == {1: 0.25}


def test_reports_of_another_run_and_of_strangers_are_ignored() -> None:
    run = run_with(["a"])
    run.take("a", report(filled(), begins_at=900.0))
    run.take("c", report(filled()))
    assert not run.is_over(1010)
    assert run.result().figures.tally(1, "product page").started == 0


def test_a_run_that_lost_a_generator_ends_and_is_invalid() -> None:
    run = run_with(["a", "b"])
    run.take("a", report(filled()))
    run.take("b", report(filled(), finished=False))
    run.lose("b")
    assert run.is_over(1010)
    verdict = run.result().verdict
    assert verdict.faults == ("generator 2 of 2 did not report its end",)
    assert verdict.exit_code == 3


def test_a_run_does_not_wait_for_ever() -> None:
    run = run_with(["a"])
    plan = run.plan
    assert not run.is_over(1000 + plan.seconds + plan.longest_visit_seconds)
    assert run.is_over(1000 + plan.seconds + plan.longest_visit_seconds + 16)


def test_usage_is_taken_while_a_step_lasts() -> None:
    looks: list[float] = []

    def read() -> dict[str, Sample]:
        looks.append(time.monotonic())
        return {"frontend": Sample(1.0, 2**20)}

    run = Run(Plan((20.0, 40.0)), "http://shop", [], ["a"], "Locust 1", read)
    run.begin(1000.0)
    steps = {step.number: step for step in run.plan.steps}
    for seconds in (-1.0, steps[0].ends + 1, steps[1].ends + 0.1, steps[2].ends):
        run.sample(1000 + seconds)
    assert looks == []
    run.sample(1000 + steps[1].begins + 1)
    run.sample(1000 + steps[2].begins + 1)
    assert len(looks) == 2


def test_cores_are_the_growth_of_cpu_time_and_memory_is_its_peak() -> None:
    step = StepUsage()
    step.add(10.0, {"frontend": Sample(5.0, 100)})
    step.add(15.0, {"frontend": Sample(6.0, 300)})
    step.add(20.0, {"frontend": Sample(7.0, 200), "consumer": Sample(1.0, 10)})
    assert step.as_plain() == {
        "consumer": {"cores": 0.0, "peak_bytes": 10},
        "frontend": {"cores": 0.2, "peak_bytes": 300},
    }


def test_a_service_that_was_started_again_does_not_use_less_than_nothing() -> None:
    step = StepUsage()
    for moment, used in ((10.0, 50.0), (12.0, 0.5), (20.0, 2.5)):
        step.add(moment, {"frontend": Sample(used, 100)})
    assert step.as_plain()["frontend"]["cores"] == 0.2


def test_processes_are_found_by_their_pid_files(tmp_path: Path) -> None:
    if not Path("/proc").exists():
        pytest.skip("no /proc on this system")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "frontend.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "run" / "gone.pid").write_text("999999999\n")
    read = reader_for(str(tmp_path))
    assert read is not None
    samples = read()
    assert set(samples) == {"frontend"}
    assert samples["frontend"].memory_bytes > 10 * 2**20
    used = sum(os.times()[:2])
    assert samples["frontend"].cpu_seconds == pytest.approx(used, abs=1)
    assert read_processes(tmp_path) == {}


def test_usage_of_nothing_that_is_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reader_for("") is None
    with pytest.raises(PlanRefused, match=re.escape("has no run/")):
        reader_for(str(tmp_path))
    monkeypatch.setattr(usage, "DOCKER_SOCKET", str(tmp_path / "docker.sock"))
    with pytest.raises(PlanRefused, match="no Docker"):
        reader_for("compose:arloji")
