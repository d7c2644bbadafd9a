"""Figures of a load run add up, and are judged by what is left of them afterwards."""

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.figures import Figures, Outcome, Tally
from loadtest.histogram import Histogram
from loadtest.objectives import Verdict, judge
from loadtest.plan import Plan
from tests.load_figures import filled, healthy

PLAN = Plan((20.0, 40.0, 80.0))
LATENCIES = st.lists(st.floats(min_value=1e-5, max_value=60), min_size=1, max_size=300)


def histogram_of(seconds: list[float]) -> Histogram:
    one = Histogram()
    for value in seconds:
        one.add(value)
    return one


@given(LATENCIES, st.integers(1, 100))
def test_a_percentile_is_never_too_low_and_one_percent_too_high_at_most(
    seconds: list[float], percent: int
) -> None:
    exact = sorted(seconds)[math.ceil(len(seconds) * percent / 100) - 1]
    found = histogram_of(seconds).percentile(percent)
    assert found is not None
    assert exact * (1 - 1e-9) <= found <= exact * 1.0101


@given(LATENCIES, LATENCIES)
def test_merged_percentiles_are_those_of_all_latencies(one: list[float], two: list[float]) -> None:
    merged = histogram_of(one)
    merged.merge(histogram_of(two))
    whole = histogram_of(one + two)
    for percent in (1, 50, 95, 99, 100):
        assert merged.percentile(percent) == whole.percentile(percent)
    assert (merged.count, merged.longest) == (len(one) + len(two), max(one + two))


def test_percentiles_are_not_averaged() -> None:
    """A slow generator with few answers would count for half."""
    quick, slow = histogram_of([0.01] * 990), histogram_of([1.0] * 10)
    quick.merge(slow)
    assert quick.percentile(99) == pytest.approx(0.01, rel=0.011)
    assert quick.percentile(99.1) == 1.0


def test_nothing_has_no_percentile() -> None:
    assert Histogram().percentile(99) is None


def words(verdict: Verdict) -> list[str]:
    return [step.word for step in verdict.steps]


def test_figures_travel_and_add_up() -> None:
    whole = Figures()
    for part in (filled(), filled(seconds=2.0, count=10), filled(step=2, name="product")):
        part.complain("product page: 503")
        whole.merge(Figures.from_plain(json.loads(json.dumps(part.as_plain()))))
    tally = whole.tally(1, "product page")
    assert (tally.planned, tally.started, tally.answered, tally.missed) == (1010, 1010, 1010, 0)
    assert tally.latency.longest == 2.0
    assert whole.tally(2, "product").started == 1000
    assert whole.complaints == {"product page: 503": 3}


def test_complaints_are_bounded() -> None:
    figures = Figures()
    for number in range(1000):
        figures.complain(f"another one: {number}")
    assert len(figures.complaints) == 30


def test_a_429_is_neither_an_error_nor_an_answer_and_has_no_latency() -> None:
    tally = Tally(planned=2)
    tally.record(Outcome.LIMITED, 0.001)
    tally.record(Outcome.SERVER, 3.0)
    assert (tally.started, tally.answered, tally.limited, tally.errors) == (2, 0, 1, 1)
    assert tally.latency.count == 1
    assert tally.latency.longest == 3.0


def test_a_run_within_its_objectives_holds() -> None:
    verdict = judge(PLAN, healthy())
    assert words(verdict) == ["held"] * 3
    assert verdict.exit_code == 0
    assert verdict.highest_held is verdict.steps[-1]
    assert verdict.first_broken is None


@pytest.mark.parametrize(
    ("name", "seconds", "sentence"),
    [
        ("search page", 0.6, "pages: p99 600 ms > 500 ms"),
        ("order status", 0.3, "reads: p99 300 ms > 250 ms"),
        ("order by program", 0.6, "orders: p99 600 ms > 500 ms"),
        ("order ended", 6.0, "ends: p99 6000 ms > 5000 ms"),
    ],
)
def test_the_first_step_that_is_too_slow_is_found(name: str, seconds: float, sentence: str) -> None:
    figures = healthy()
    figures.merge(filled(step=2, name=name, seconds=seconds))
    verdict = judge(PLAN, figures)
    assert words(verdict) == ["held", "broken", "held"]
    assert verdict.first_broken is verdict.steps[1]
    assert verdict.highest_held is verdict.steps[0]
    assert verdict.steps[1].broken == (sentence,)
    assert verdict.exit_code == 1


def test_one_slow_request_in_a_hundred_is_allowed_and_two_are_not() -> None:
    for slow, word in ((10, "held"), (20, "broken")):
        figures = healthy()
        tally = figures.tally(1, "product page")
        tally.planned += slow
        for _ in range(slow):
            tally.record(Outcome.ANSWERED, 3.0)
        assert words(judge(PLAN, figures))[0] == word


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.ANSWERED])
def test_every_kind_of_failure_breaks_a_step(outcome: Outcome) -> None:
    for times, word in ((3, "held"), (4, "broken")):
        figures = healthy()
        tally = figures.tally(3, "product")
        tally.planned += times
        for _ in range(times):
            tally.record(outcome, 0.01)
        # 0.1 % of 3000 clicks and these few
        assert words(judge(PLAN, figures))[2] == word


def test_an_order_that_never_ends_breaks_a_step() -> None:
    figures = healthy()
    figures.tally(1, "order ended").planned += 1
    figures.tally(1, "order ended").record(Outcome.WRONG, 30)
    assert judge(PLAN, figures).steps[0].broken == ("orders that did not end: 1",)


def test_a_generator_that_was_stalled_makes_the_run_invalid() -> None:
    figures = healthy()
    tally = figures.tally(2, "product page")
    for _ in range(62):
        tally.planned += 1
        tally.record(Outcome.ANSWERED, 0.2, late=True)
    verdict = judge(PLAN, figures)
    assert words(verdict) == ["held", "invalid", "held"]
    assert "missed 62 of 3062 starts" in verdict.steps[1].faults[0]
    assert verdict.exit_code == 3


def test_a_few_late_starts_are_allowed() -> None:
    figures = healthy()
    for _ in range(61):
        figures.tally(2, "product page").planned += 1
        figures.tally(2, "product page").record(Outcome.ANSWERED, 0.2, late=True)
    assert judge(PLAN, figures).exit_code == 0


def test_starts_that_were_never_made_are_missed_and_those_of_a_guest_who_left_are_not() -> None:
    figures = healthy()
    figures.tally(1, "cart page").planned += 500
    figures.tally(1, "cart page").given_up += 500
    assert judge(PLAN, figures).exit_code == 0
    figures.tally(1, "cart page").planned += 100
    assert figures.tally(1, "cart page").missed == 100
    assert judge(PLAN, figures).exit_code == 3


def test_a_step_in_which_nothing_was_started_is_invalid() -> None:
    verdict = judge(PLAN, filled())
    assert words(verdict) == ["held", "invalid", "invalid"]
    assert verdict.exit_code == 3


def test_invalid_steps_take_no_part_in_what_holds() -> None:
    figures = healthy()
    figures.tally(1, "product page").planned += 1000
    verdict = judge(PLAN, figures)
    assert words(verdict) == ["invalid", "held", "held"]
    assert verdict.highest_held is None


def test_the_warm_up_is_not_judged() -> None:
    figures = healthy()
    dice = random.Random(1)
    tally = figures.tally(0, "product page")
    tally.planned = 10_000
    for _ in range(100):
        tally.record(Outcome.SERVER, dice.random() * 10, late=True)
    assert judge(PLAN, figures).exit_code == 0
