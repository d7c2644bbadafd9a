from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from services.api_gw import limits
from services.api_gw.limits import GuestRate, InFlightLimit, RetryBudget, TooManyInFlight

GUEST = UUID("11111111-2222-4333-8444-555555555555")


class Clock(SimpleNamespace):
    """Time that a test moves."""

    def __call__(self) -> float:
        return float(self.now)


@pytest.fixture
def clock() -> Clock:
    return Clock(now=1000.0)


def spend(budget: RetryBudget) -> int:
    count = 0
    while count < 100 and budget.take():
        count += 1
    return count


@pytest.mark.parametrize(
    ("requests", "seconds", "tries"), [(105, 0, 10), (0, 3.5, 3), (10_000, 10_000, 20)]
)
def test_second_tries_are_a_tenth_of_the_requests_and_one_a_second_and_bounded(
    clock: Clock, requests: int, seconds: float, tries: int
) -> None:
    budget = RetryBudget(clock)
    spend(budget)
    for _ in range(requests):
        budget.count_request()
    clock.now += seconds
    assert spend(budget) == tries


def test_a_guest_has_a_burst_of_five_seconds_and_then_the_rate(clock: Clock) -> None:
    rate = GuestRate(2, clock)
    assert [rate.seconds_to_wait(GUEST) for _ in range(10)] == [0] * 10
    assert rate.seconds_to_wait(uuid4()) == 0, "guests do not share"
    # A refused order costs nothing.
    for wait in (0.5, 0.5, 0.25):
        clock.now += 0.25 if wait == 0.25 else 0
        assert rate.seconds_to_wait(GUEST) == pytest.approx(wait)
    clock.now += 0.25
    assert rate.seconds_to_wait(GUEST) == 0
    assert rate.seconds_to_wait(GUEST) == pytest.approx(0.5)


def test_a_slow_rate_still_lets_one_order_pass_and_none_is_no_limit_and_no_memory(
    clock: Clock,
) -> None:
    slow, unlimited = GuestRate(0.01, clock), GuestRate(0, clock)
    assert slow.seconds_to_wait(GUEST) == 0
    assert slow.seconds_to_wait(GUEST) == pytest.approx(100)
    assert {unlimited.seconds_to_wait(GUEST) for _ in range(1000)} == {0.0}
    assert len(unlimited._buckets) == 0


@pytest.mark.parametrize(
    ("per_second", "seconds", "passed"), [(1, 4.5, 4), (0.5, 1.5, 1), (1, 5, 5), (1, 500, 5)]
)
def test_guests_of_long_ago_are_forgotten_and_nobody_has_more_orders_by_it(
    clock: Clock, per_second: float, seconds: float, passed: int
) -> None:
    rate = GuestRate(per_second, clock)
    while not rate.seconds_to_wait(GUEST):
        pass
    clock.now += seconds
    other = uuid4()
    rate.seconds_to_wait(other)
    assert (set(rate._buckets) == {other}) is (seconds >= 5)
    assert [rate.seconds_to_wait(GUEST) == 0 for _ in range(6)].count(True) == passed


def test_many_guests_at_once_cost_bounded_memory(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_MAX_GUESTS", 50)
    rate = GuestRate(1, clock)
    for _ in range(500):
        rate.seconds_to_wait(uuid4())
    assert len(rate._buckets) == 50


def test_no_place_in_flight_is_a_refusal_and_each_is_released_whatever_happens() -> None:
    limit = InFlightLimit(2)

    def fail_inside() -> None:
        with limit:
            raise ZeroDivisionError

    with limit:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                fail_inside()
        with limit:
            with pytest.raises(TooManyInFlight), limit:
                pass
            assert limit.count == 2
        assert limit.count == 1
    assert limit.count == 0
