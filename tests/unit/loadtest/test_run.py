"""The master of a run takes its generators' reports in, and knows when it is over."""

from types import SimpleNamespace
from typing import Any

import pytest

from loadtest.plan import Plan
from loadtest.report.result import Result
from loadtest.run import Run
from loadtest.usage import Sample

PLAN = Plan((20.0,), warm_up_seconds=0)
LONGEST = 1000 + PLAN.seconds + PLAN.longest_visit_seconds


def run_with(*generators: str, plan: Plan = PLAN, reader: Any = None) -> Run:
    run = Run(plan, "http://shop", [], generators, "Locust 1", reader)
    run.begin(1000.0)
    return run


def report(planned: int, **other: Any) -> dict[str, Any]:
    counts, cores = [[1, "product", "planned", planned]], {"1": planned / 1000}
    usual = {"sold_out": 1, "finished": True, "begins_at": 1000.0}
    return {"counts": counts, "cores": cores, **usual, **other}


def result_of(run: Run) -> Result:
    """With 700 answers in Locust's statistics."""
    entry: Any = SimpleNamespace(method="1", name="product", num_requests=700, num_failures=0)
    entry.response_times, entry.max_response_time = {5.0: 700}, 5.0
    return run.result([entry], [])


def test_the_last_report_of_each_generator_counts() -> None:
    run = run_with("a", "b")
    run.take("a", report(100, finished=False))
    run.take("b", report(300))
    assert [run.is_over(moment) for moment in (1010, LONGEST, LONGEST + 16)] == [False, False, True]
    run.take("a", report(400))
    assert run.is_over(1010)
    result = result_of(run)
    assert result.figures.tally(1, "product").planned == 700
    assert result.generator_cores == {1: 0.4}
    assert result.figures.failures == {"a watch was sold out, and the guest left": 2}
    assert result.verdict.exit_code == 0


# Of another run, of a stranger, before the end, and none.
@pytest.mark.parametrize(
    ("who", "what"), [("b", {"begins_at": 900.0}), ("c", {}), ("b", {"finished": False}), ("", {})]
)
def test_a_run_without_the_last_report_of_a_generator_is_invalid(who: str, what: Any) -> None:
    run = run_with("a", "b")
    run.take("a", report(700))
    run.take(who, report(0, **what))
    assert not run.is_over(1010)
    run.lose("b")
    assert run.is_over(1010)
    verdict = result_of(run).verdict
    assert verdict.faults == ("generator 2 of 2 did not report its end",)
    assert verdict.exit_code == 3


def test_usage_is_noted_while_a_step_lasts() -> None:
    looks: list[float] = []

    def read() -> dict[str, Sample]:
        looks.append(moment)
        return {"frontend": Sample(1.0, 2**20)}

    run = run_with("a", plan=Plan((20.0, 40.0)), reader=read)
    warm_up, one, two = run.plan.steps
    between = [-1.0, warm_up.ends + 1, one.ends + 0.1, two.ends]
    for moment in (*between, one.begins + 1, two.begins + 1):
        run.sample(1000 + moment)
    assert looks == [one.begins + 1, two.begins + 1]
