"""The limit of requests under way: found from latency alone, and never out of its bounds."""

from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from servicekit.admission.limit import AdaptiveLimit, LimitSettings
from tests.clocks import STATEFUL, Clock

SETTINGS = LimitSettings()
Latency = Callable[[int], float]


def play(
    limit: AdaptiveLimit, clock: Clock, latency: Latency, *, offered: int, seconds: float
) -> float:
    """Let `offered` clients, each with one request at a time, in as far as it lets them; the last
    latency."""
    end, taken = clock.now + seconds, 0.0
    while clock.now < end:
        in_flight = max(1, min(offered, int(limit.value)))
        taken = latency(in_flight)
        for _ in range(in_flight):
            clock.now += taken / in_flight
            limit.note(taken, in_flight)
    return taken


def one_worker(each: float, besides: float = 0.0) -> Latency:
    """Requests of one CPU: they wait for each other."""
    return lambda in_flight: besides + each * in_flight


@pytest.mark.parametrize("each", [0.001, 0.005, 0.02])
def test_what_only_lets_requests_wait_is_taken_back_and_what_can_be_done_at_once_is_let_in(
    each: float,
) -> None:
    clock = Clock()
    limit = AdaptiveLimit(SETTINGS, clock)
    play(limit, clock, one_worker(each), offered=1, seconds=5)
    # Without the limit these would wait for 500 times `each`.
    last = play(limit, clock, one_worker(each), offered=500, seconds=20)
    assert last <= 2 * max(SETTINGS.target_seconds, SETTINGS.least * each)
    # Of what needs no waiting, as many as there are.
    play(limit, clock, lambda _: 0.01, offered=100, seconds=10)
    assert limit.value > 100


@pytest.mark.parametrize("besides", [0.3, 0.6])
def test_a_service_that_is_slow_by_itself_is_not_throttled_for_long(besides: float) -> None:
    """Half as many are no faster, so it is not their number."""
    clock = Clock()
    limit = AdaptiveLimit(SETTINGS, clock)
    play(limit, clock, lambda _: 0.005, offered=20, seconds=5)
    play(limit, clock, lambda _: besides, offered=20, seconds=4)
    assert limit.value >= 20
    # And it is known again for what it is once it is fast.
    play(limit, clock, lambda _: 0.005, offered=20, seconds=4)
    assert limit.allowed_seconds == SETTINGS.target_seconds


def test_whatever_is_later_than_the_ceiling_is_throttled() -> None:
    clock = Clock()
    limit = AdaptiveLimit(SETTINGS, clock)
    play(limit, clock, lambda _: 2.0, offered=50, seconds=60)
    assert limit.value == SETTINGS.least


def test_after_the_load_it_is_as_before_within_seconds() -> None:
    clock = Clock()
    limit = AdaptiveLimit(SETTINGS, clock)
    play(limit, clock, one_worker(0.05), offered=500, seconds=30)
    assert limit.value < SETTINGS.initial
    for _ in range(100):  # ten a second
        clock.now += 0.1
        limit.note(0.02, 1)
    assert limit.value >= SETTINGS.initial


def test_few_slow_requests_say_nothing_about_how_many_there_may_be() -> None:
    clock = Clock()
    limit = AdaptiveLimit(SETTINGS, clock)
    for _ in range(50):
        clock.now += 0.3
        limit.note(0.9, 3)
    assert limit.value >= SETTINGS.initial


@pytest.mark.parametrize(("refused", "shrinks"), [(0, False), (2, False), (5, True), (10, True)])
def test_refusals_of_the_other_side_make_it_shrink(refused: int, shrinks: bool) -> None:
    clock = Clock()
    limit = AdaptiveLimit(SETTINGS, clock)
    for number in range(10):
        if number < refused:
            limit.note_refusal()
        clock.now += 0.03
        limit.note(0.005, 2)
    assert (limit.value < SETTINGS.initial) is shrinks


class Anything(RuleBasedStateMachine):
    """Whatever happens, in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.limit = AdaptiveLimit(SETTINGS, self.clock)

    @rule(seconds=st.floats(0, 30), in_flight=st.integers(1, 300), times=st.integers(1, 20))
    def answer(self, seconds: float, in_flight: int, times: int) -> None:
        for _ in range(times):
            self.limit.note(seconds, in_flight)

    @rule(times=st.integers(1, 20))
    def refuse(self, times: int) -> None:
        for _ in range(times):
            self.limit.note_refusal()

    @rule(seconds=st.floats(0, 3))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def stays_in_bounds(self) -> None:
        assert SETTINGS.least <= self.limit.value <= SETTINGS.most
        assert SETTINGS.target_seconds <= self.limit.allowed_seconds <= SETTINGS.ceiling_seconds

    def teardown(self) -> None:
        """A service that is well again is used again, whatever was before."""
        play(self.limit, self.clock, lambda _: 0.1, offered=60, seconds=20)
        assert self.limit.value > 40


TestAnything = Anything.TestCase
TestAnything.settings = STATEFUL
