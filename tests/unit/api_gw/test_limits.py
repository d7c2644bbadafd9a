from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from services.api_gw import limits
from services.api_gw.limits import GuestRate

GUEST = UUID("11111111-2222-4333-8444-555555555555")


class Clock(SimpleNamespace):
    """Time that a test moves."""

    def __call__(self) -> float:
        return float(self.now)


@pytest.fixture
def clock() -> Clock:
    return Clock(now=1000.0)


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
