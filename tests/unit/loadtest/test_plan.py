"""A load run is planned before it begins, within bounds, and the same for the same seed."""

import statistics
from collections import Counter
from itertools import chain, pairwise

import pytest

from loadtest.plan import Arrivals, Plan, PlanRefused, read_rates
from loadtest.workload import GROUPS, SCENARIOS, requests_per_visit

PLAN = Plan((50.0, 200.0), step_seconds=40)


@pytest.mark.parametrize("arrivals", Arrivals)
def test_each_step_plans_its_rate(arrivals: Arrivals) -> None:
    plan = Plan((50.0, 200.0), step_seconds=40, arrivals=arrivals)
    visits = list(plan.visits())
    assert [visit.starts[0] for visit in visits] == sorted(visit.starts[0] for visit in visits)
    for step in plan.steps:
        own = [visit for visit in visits if visit.step == step.number]
        requests = sum(len(visit.requests) for visit in own)
        assert requests == pytest.approx(step.rate * step.seconds, rel=0.15)
        for visit in own:
            assert step.begins <= visit.starts[0] < step.ends
            assert len(visit.starts) == len(visit.requests)
            assert all(0.5 <= later - one <= 1.5 for one, later in pairwise(visit.starts))


def test_constant_arrivals_keep_one_distance_and_poisson_arrivals_do_not() -> None:
    def gaps(arrivals: Arrivals) -> list[float]:
        plan = Plan((100.0,), warm_up_seconds=0, step_seconds=60, arrivals=arrivals)
        return [b - a for a, b in pairwise(visit.starts[0] for visit in plan.visits())]

    constant, poisson = gaps(Arrivals.CONSTANT), gaps(Arrivals.POISSON)
    assert constant == pytest.approx([requests_per_visit() / 100] * len(constant))
    # The gaps of a Poisson process vary as much as they are long.
    assert statistics.pstdev(poisson) == pytest.approx(statistics.mean(poisson), rel=0.15)


def test_a_plan_follows_from_its_seed_and_can_be_shared_among_generators() -> None:
    whole = list(PLAN.visits())
    assert list(Plan.from_dict(PLAN.to_dict()).visits()) == whole
    assert list(Plan(PLAN.rates, step_seconds=40, seed=2).visits()) != whole
    shares = [list(PLAN.visits(share, 3)) for share in range(3)]
    assert sorted(chain(*shares), key=lambda visit: visit.number) == whole
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_guests_do_what_the_weights_say() -> None:
    visits = list(Plan((1000.0,), step_seconds=60).visits())
    counts = Counter(visit.scenario for visit in visits)
    weights = sum(scenario.weight for scenario in SCENARIOS.values())
    for scenario in SCENARIOS.values():
        share = counts[scenario.name] / len(visits)
        assert share == pytest.approx(scenario.weight / weights, rel=0.1), scenario.name
        assert set(scenario.requests) <= set(GROUPS)


def test_the_warm_up_comes_first_and_steps_rest_between_them() -> None:
    plan = Plan((10.0, 20.0), step_seconds=30, rest_seconds=5, warm_up_seconds=4)
    assert [(one.number, one.rate, one.begins, one.ends) for one in plan.steps] == [
        (0, 10, 0, 4),
        (1, 10, 9, 39),
        (2, 20, 44, 74),
    ]
    assert [one.number for one in Plan((10.0,), warm_up_seconds=0).steps] == [1]


@pytest.mark.parametrize(
    "refused",
    [
        *({"rates": rates} for rates in ((), (1.0,) * 21, (0.0,), (-5.0,), (5001.0,))),
        *({"rates": (float(word),)} for word in ("nan", "inf")),
        *({"step_seconds": seconds} for seconds in (0.0, float("nan"), 3601.0)),
        {"rest_seconds": -1.0},
        {"warm_up_seconds": -1.0},
        {"timeout_seconds": 61.0},
        {"order_timeout_seconds": 601.0},
        {"rates": (5000.0,), "step_seconds": 300.0},
    ],
    ids=str,
)
def test_a_plan_is_bounded_in_count_and_time(refused: dict[str, object]) -> None:
    with pytest.raises(PlanRefused):
        Plan(**{"rates": (10.0,), **refused})  # type: ignore[arg-type]


def test_steps_are_rates_with_commas() -> None:
    assert read_rates("20,40, 80.5") == (20, 40, 80.5)
    with pytest.raises(PlanRefused, match="such as 20,40,80"):
        read_rates("fast")
