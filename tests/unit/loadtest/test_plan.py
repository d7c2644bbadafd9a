"""A load run is planned before it begins, within bounds, and the same for the same seed."""

import statistics
from collections import Counter
from itertools import chain, pairwise

import pytest

from loadtest.plan import Arrivals, Plan, PlanRefused, read_rates
from loadtest.workload import GROUPS, SCENARIOS, requests_per_visit


@pytest.mark.parametrize("arrivals", Arrivals)
def test_each_step_plans_its_rate_after_the_warm_up_and_a_rest(arrivals: Arrivals) -> None:
    plan = Plan((50.0, 200.0), 40, rest_seconds=5, warm_up_seconds=4, arrivals=arrivals)
    assert [(one.number, one.rate, one.begins, one.ends) for one in plan.steps] == [
        *((0, 50, 0, 4), (1, 50, 9, 49), (2, 200, 54, 94))
    ]
    assert [one.number for one in Plan((10.0,), warm_up_seconds=0).steps] == [1]
    visits = list(plan.visits())
    assert [visit.starts[0] for visit in visits] == sorted(visit.starts[0] for visit in visits)
    for step in plan.steps[1:]:
        own = [visit for visit in visits if visit.step == step.number]
        requests = sum(len(visit.requests) for visit in own)
        assert requests == pytest.approx(step.rate * step.seconds, rel=0.15)
        for visit in own:
            assert step.begins <= visit.starts[0] < step.ends
            assert len(visit.starts) == len(visit.requests)
            assert all(0.5 <= later - one <= 1.5 for one, later in pairwise(visit.starts))
    gaps = [b - a for a, b in pairwise(one.starts[0] for one in visits if one.step == 2)]
    assert statistics.mean(gaps) == pytest.approx(requests_per_visit() / 200, rel=0.1)
    # The gaps of a Poisson process vary as much as they are long.
    spread = statistics.mean(gaps) if arrivals is Arrivals.POISSON else 0
    assert statistics.pstdev(gaps) == pytest.approx(spread, rel=0.15, abs=1e-9)


def test_a_plan_follows_from_its_seed_and_can_be_shared_among_generators() -> None:
    plan = Plan((50.0, 200.0))
    whole = list(plan.visits())
    assert list(Plan.from_dict(plan.to_dict()).visits()) == whole
    assert list(Plan(plan.rates, seed=2).visits()) != whole
    shares = [list(plan.visits(share, 3)) for share in range(3)]
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


NAN = float("nan")
REFUSED = [
    *(("rates", rates) for rates in ((), (1.0,) * 21, (0.0,), (-5.0,), (5001.0,), (NAN,))),
    *(("step_seconds", seconds) for seconds in (0.0, NAN, 3601.0)),
    *(("rest_seconds", -1.0), ("warm_up_seconds", -1.0)),
    *(("timeout_seconds", 61.0), ("order_timeout_seconds", 601.0)),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_a_plan_is_bounded_in_count_and_time(name: str, value: object) -> None:
    with pytest.raises(PlanRefused):
        Plan(**{"rates": (10.0,), name: value})  # type: ignore[arg-type]


def test_a_run_has_at_most_a_million_requests_and_steps_are_rates_with_commas() -> None:
    with pytest.raises(PlanRefused, match="1000000 requests"):
        Plan((5000.0,), step_seconds=300)
    assert read_rates("20,40, 80.5") == (20, 40, 80.5)
    with pytest.raises(PlanRefused, match="such as 20,40,80"):
        read_rates("fast")
