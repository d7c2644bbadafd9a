from uuid import UUID, uuid4

import pytest

from services.api_gw import limits
from services.api_gw.limits import GuestRate, InFlightLimit, RetryBudget, TooManyInFlight

GUEST = UUID("11111111-2222-4333-8444-555555555555")


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def spend(budget: RetryBudget) -> int:
    count = 0
    while count < 100 and budget.take():
        count += 1
    return count


def test_second_tries_are_a_tenth_of_the_requests(clock: Clock) -> None:
    budget = RetryBudget(clock)
    spend(budget)
    for _ in range(105):
        budget.count_request()
    assert spend(budget) == 10


def test_a_quiet_gateway_has_a_second_try_each_second(clock: Clock) -> None:
    budget = RetryBudget(clock)
    spend(budget)
    clock.now += 3.5
    assert spend(budget) == 3


def test_second_tries_are_not_saved_for_ever(clock: Clock) -> None:
    budget = RetryBudget(clock)
    for _ in range(10_000):
        budget.count_request()
    clock.now += 10_000
    assert spend(budget) == 20


def test_a_guest_has_a_burst_of_five_seconds_and_then_the_rate(clock: Clock) -> None:
    rate = GuestRate(2, clock)
    assert [rate.seconds_to_wait(GUEST) for _ in range(10)] == [0] * 10
    assert rate.seconds_to_wait(GUEST) == pytest.approx(0.5)
    clock.now += 0.25
    assert rate.seconds_to_wait(GUEST) == pytest.approx(0.25)
    clock.now += 0.25
    assert rate.seconds_to_wait(GUEST) == 0
    assert rate.seconds_to_wait(GUEST) == pytest.approx(0.5)


def test_a_refused_order_costs_nothing(clock: Clock) -> None:
    rate = GuestRate(1, clock)
    while not rate.seconds_to_wait(GUEST):
        pass
    for _ in range(100):
        rate.seconds_to_wait(GUEST)
    clock.now += 1
    assert rate.seconds_to_wait(GUEST) == 0


def test_guests_do_not_share(clock: Clock) -> None:
    rate = GuestRate(1, clock)
    while not rate.seconds_to_wait(GUEST):
        pass
    assert rate.seconds_to_wait(uuid4()) == 0


def test_a_slow_rate_still_lets_one_order_pass(clock: Clock) -> None:
    rate = GuestRate(0.01, clock)
    assert rate.seconds_to_wait(GUEST) == 0
    assert rate.seconds_to_wait(GUEST) == pytest.approx(100)


def test_no_rate_is_no_limit_and_no_memory(clock: Clock) -> None:
    rate = GuestRate(0, clock)
    assert {rate.seconds_to_wait(GUEST) for _ in range(1000)} == {0.0}
    assert len(rate._buckets) == 0


def test_guests_of_long_ago_are_forgotten(clock: Clock) -> None:
    rate = GuestRate(1, clock)
    for _ in range(100):
        rate.seconds_to_wait(uuid4())
    clock.now += 5
    rate.seconds_to_wait(GUEST)
    assert list(rate._buckets) == [GUEST]


def test_forgetting_gives_nobody_more_orders(clock: Clock) -> None:
    """A guest who comes back at the very moment of forgetting has a full bucket either way."""
    rate = GuestRate(1, clock)
    while not rate.seconds_to_wait(GUEST):
        pass
    clock.now += 4.5
    rate.seconds_to_wait(uuid4())
    assert [rate.seconds_to_wait(GUEST) == 0 for _ in range(6)] == [True] * 4 + [False] * 2


def test_many_guests_at_once_cost_bounded_memory(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_MAX_GUESTS", 50)
    rate = GuestRate(1, clock)
    for _ in range(500):
        rate.seconds_to_wait(uuid4())
    assert len(rate._buckets) == 50


def test_places_in_flight_are_given_back_whatever_happens() -> None:
    limit = InFlightLimit(1)

    def fail_inside() -> None:
        with limit.admitted():
            raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            fail_inside()
    assert limit.count == 0


def test_no_place_in_flight_is_a_refusal_and_no_wait() -> None:
    limit = InFlightLimit(2)
    with limit.admitted():
        with limit.admitted():
            with pytest.raises(TooManyInFlight), limit.admitted():
                pass
            assert limit.count == 2
        assert limit.count == 1


def test_a_slow_guest_is_not_forgotten_before_its_burst_is_full_again(clock: Clock) -> None:
    rate = GuestRate(0.5, clock)
    assert [rate.seconds_to_wait(GUEST) for _ in range(2)] == [0, 0]
    clock.now += 1.5
    assert rate.seconds_to_wait(GUEST) == 0
    assert rate.seconds_to_wait(GUEST) > 0
