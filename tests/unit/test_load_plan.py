"""A load run is planned before it begins, within bounds, and the same for the same seed."""

import statistics
from collections import Counter
from itertools import pairwise

import pytest

from loadtest.mix import GROUPS, KINDS, clicks_per_visit
from loadtest.plan import Arrivals, Plan, PlanRefused, Visit, read_rates
from loadtest.reach import require_reachable

PLAN = Plan((50.0, 200.0), step_seconds=40)


def clicks(visits: list[Visit], step: int) -> int:
    return sum(len(visit.clicks) for visit in visits if visit.step == step)


@pytest.mark.parametrize("arrivals", Arrivals)
def test_each_step_plans_its_rate(arrivals: Arrivals) -> None:
    plan = Plan((50.0, 200.0), step_seconds=40, arrivals=arrivals)
    visits = list(plan.visits())
    for step in plan.steps:
        assert clicks(visits, step.number) == pytest.approx(step.rate * step.seconds, rel=0.15)
    starts = [visit.moments[0] for visit in visits]
    assert starts == sorted(starts)
    for visit in visits:
        step = next(one for one in plan.steps if one.number == visit.step)
        assert step.begins <= visit.moments[0] < step.ends
        assert len(visit.moments) == len(visit.clicks)
        assert all(0.5 <= later - earlier <= 1.5 for earlier, later in pairwise(visit.moments))


def test_constant_arrivals_keep_one_distance_and_poisson_arrivals_do_not() -> None:
    def gaps(arrivals: Arrivals) -> list[float]:
        plan = Plan((100.0,), warm_up_seconds=0, step_seconds=60, arrivals=arrivals)
        return [b - a for a, b in pairwise(visit.moments[0] for visit in plan.visits())]

    constant, poisson = gaps(Arrivals.CONSTANT), gaps(Arrivals.POISSON)
    assert constant == pytest.approx([clicks_per_visit() / 100] * len(constant))
    # The gaps of a Poisson process vary as much as they are long.
    assert statistics.pstdev(poisson) == pytest.approx(statistics.mean(poisson), rel=0.15)


def test_the_same_seed_makes_the_same_plan_and_another_seed_another_one() -> None:
    again = Plan.from_plain(PLAN.as_plain())
    assert list(again.visits()) == list(PLAN.visits())
    other = Plan(PLAN.rates, step_seconds=40, seed=2)
    assert list(other.visits()) != list(PLAN.visits())


def test_the_shares_of_several_generators_are_the_plan() -> None:
    shares = [list(PLAN.visits(share, 3)) for share in range(3)]
    assert sorted((one for share in shares for one in share), key=lambda one: one.number) == list(
        PLAN.visits()
    )
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_guests_do_what_the_weights_say() -> None:
    visits = list(Plan((1000.0,), step_seconds=60).visits())
    counts = Counter(visit.kind for visit in visits)
    whole = sum(kind.weight for kind in KINDS.values())
    for kind in KINDS.values():
        assert counts[kind.name] / len(visits) == pytest.approx(kind.weight / whole, rel=0.1)
        assert set(kind.clicks) <= set(GROUPS)


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
        {"rates": ()},
        {"rates": (1.0,) * 21},
        {"rates": (0.0,)},
        {"rates": (-5.0,)},
        {"rates": (float("nan"),)},
        {"rates": (float("inf"),)},
        {"rates": (5001.0,)},
        {"rates": (10.0,), "step_seconds": 0.0},
        {"rates": (10.0,), "step_seconds": float("nan")},
        {"rates": (10.0,), "step_seconds": 3601.0},
        {"rates": (10.0,), "rest_seconds": -1.0},
        {"rates": (10.0,), "timeout_seconds": 61.0},
        {"rates": (10.0,), "order_patience_seconds": 601.0},
        {"rates": (5000.0,), "step_seconds": 300.0},
    ],
)
def test_a_plan_is_bounded_in_count_and_time(refused: dict[str, object]) -> None:
    with pytest.raises(PlanRefused):
        Plan(**refused)  # type: ignore[arg-type]


def test_steps_are_rates_with_commas() -> None:
    assert read_rates("20,40, 80.5") == (20, 40, 80.5)
    with pytest.raises(PlanRefused, match="such as 20,40,80"):
        read_rates("fast")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "http://localhost:8080/",
        "http://[::1]:8080",
        "http://10.1.2.3",
        "http://192.168.0.7:80",
        "http://ingress:8080",
        "https://my-shop_2",
    ],
)
def test_load_goes_to_machines_of_ones_own(url: str) -> None:
    require_reachable(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://8.8.8.8:8080",
        "http://203.0.113.5",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com",
        "http://134744072",
        "http://0x08080808",
        "http://0.0.0.0",
        "http://169.254.169.254",
        "http://[2001:4860:4860::8888]",
        "http://::1",
        "http://127.0.0.1:99999",
        "ftp://127.0.0.1",
        "127.0.0.1:8080",
        "http://127.0.0.1/shop",
        "",
    ],
)
def test_load_goes_nowhere_else(url: str) -> None:
    with pytest.raises(PlanRefused):
        require_reachable(url, [""])


def test_a_host_can_be_allowed_by_its_name_only() -> None:
    require_reachable("https://shop.example.com", ["shop.example.com"])
    with pytest.raises(PlanRefused, match=r"--allow-host shop\.example\.org"):
        require_reachable("https://shop.example.org", ["shop.example.com"])
