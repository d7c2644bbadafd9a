"""The master of a run takes its generators' reports in, and knows when it is over."""

from types import SimpleNamespace
from typing import Any

from loadtest.plan import Plan
from loadtest.run import Run

PLAN = Plan((20.0,), warm_up_seconds=0)


def report(planned: int, **other: Any) -> dict[str, Any]:
    counts, cores = [[1, "product", "planned", planned]], {"1": planned / 1000}
    usual = {"sold_out": 1, "finished": True, "begins_at": 1000.0}
    return {"counts": counts, "cores": cores, **usual, **other}


def result_of(run: Run) -> Any:
    """With 700 answers in Locust's statistics."""
    entry: Any = SimpleNamespace(method="1", name="product", num_requests=700, num_failures=0)
    entry.response_times, entry.max_response_time = {5.0: 700}, 5.0
    return run.result([entry], [])


def test_the_last_report_of_each_generator_of_this_run_counts() -> None:
    run = Run(PLAN, "http://shop", [], ["a", "b"], "Locust 1")
    run.begin(1000.0)
    run.take("b", report(300))
    # Before its end, of another run, and of a stranger.
    run.take("a", report(100, finished=False))
    run.take("a", report(5, begins_at=900.0))
    run.take("c", report(5))
    longest = 1000 + PLAN.seconds + PLAN.longest_visit_seconds
    assert [run.is_over(moment) for moment in (1010, longest, longest + 16)] == [False, False, True]
    invalid = result_of(run).verdict
    assert (invalid.faults, invalid.exit_code) == (("generator 1 of 2 did not report its end",), 3)
    run.take("a", report(400))
    assert run.is_over(1010)
    result = result_of(run)
    assert result.figures.tally(1, "product").planned == 700
    assert result.generator_cores == {1: 0.4}
    assert result.figures.failures == {"a watch was sold out, and the guest left": 2}
    assert result.verdict.exit_code == 0


def test_a_generator_that_was_lost_is_not_waited_for() -> None:
    run = Run(PLAN, "http://shop", [], ["a", "b"], "Locust 1")
    run.begin(1000.0)
    run.take("a", report(700))
    assert not run.is_over(1010)
    run.lose("b")
    assert run.is_over(1010)


def test_usage_is_noted_while_a_step_lasts() -> None:
    noted: list[float] = []
    run = Run(Plan((20.0, 40.0)), "", [], ["a"], "", lambda: noted.append(moment) or {})
    run.begin(1000.0)
    warm_up, one, two = run.plan.steps
    within = [warm_up.begins + 1, one.begins + 1, two.begins + 1]
    for moment in (-1.0, warm_up.ends + 1, one.ends + 0.1, two.ends, *within):
        run.sample(1000 + moment)
    assert noted == within
