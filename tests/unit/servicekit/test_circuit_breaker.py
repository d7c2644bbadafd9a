"""When a dependency is left alone, and when it is tried again."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from servicekit.circuit_breaker import Breaker, BreakerSettings, Call, RateBreaker, State
from tests.clocks import STATEFUL, Clock


@pytest.mark.parametrize(
    ("events", "allowed"),
    [
        ("", True),
        # After failures in a row only.
        ("fail fail", True),
        ("fail fail fail", False),
        ("fail fail succeed fail fail", True),
        # Failures that come together are one.
        ("fail together together together together", True),
        # After each pause one caller tries; if it fails, there is another pause.
        ("fail fail fail 0.9", False),
        ("fail fail fail 1", True),
        ("fail fail fail 1 ask", False),
        ("fail fail fail 1 ask 1", True),
        ("fail fail fail 1 ask 0.8 fail 0.8", False),
        ("fail fail fail 1 ask succeed ask ask", True),
    ],
)
def test_it_opens_after_three_failures_for_one_second(events: str, allowed: bool) -> None:
    clock = Clock()
    breaker = Breaker(failures=3, pause_seconds=1, clock=clock)
    for event in events.split():
        match event:
            case "fail" | "together":
                clock.now += 0.1 if event == "fail" else 0.0001
                breaker.failed()
            case "succeed":
                breaker.succeeded()
            case "ask":
                breaker.allows()
            case seconds:
                clock.now += float(seconds)
    assert breaker.allows() is allowed


# By rates -----------------------------------------------------------------------------------------

SETTINGS = BreakerSettings()


def ask(breaker: RateBreaker, clock: Clock, seconds: float = 0.01, *, failed: bool = False) -> bool:
    """Whether it was let through; then it took so long."""
    call = breaker.begin()
    if call is None:
        return False
    clock.now += seconds
    breaker.end(call, failed=failed)
    return True


@pytest.mark.parametrize(
    ("calls", "state"),
    [
        ([(0.01, False)] * 50, State.CLOSED),
        ([(0.01, True)] * 4, State.CLOSED),
        ([(0.01, True)] * 5, State.OPEN),
        ([(0.01, False), (0.01, True)] * 10, State.OPEN),
        ([(0.01, False), (0.01, False), (0.01, True)] * 20, State.CLOSED),
        # Slow ones of long ago count no more, and one at a time is too few.
        ([(2.5, False)] * 20, State.CLOSED),
    ],
)
def test_it_opens_at_half_of_at_least_five(calls: list[tuple[float, bool]], state: State) -> None:
    clock = Clock()
    breaker = RateBreaker(SETTINGS, clock)
    for seconds, failed in calls:
        ask(breaker, clock, seconds, failed=failed)
    assert breaker.state is state


def test_silence_opens_it_while_calls_are_under_way_and_three_good_ones_close_it() -> None:
    clock = Clock()
    breaker = RateBreaker(SETTINGS, clock)
    under_way = [breaker.begin() for _ in range(10)]
    clock.now += 1.9
    assert breaker.state is State.CLOSED
    clock.now += 0.2
    assert int(breaker.state) == State.OPEN
    assert breaker.begin() is None
    clock.now += 1
    probe = breaker.begin()
    assert probe is not None
    assert breaker.begin() is None, "one at a time"
    # A probe that hangs is found out as well.
    clock.now += 2.1
    assert breaker.begin() is None
    clock.now += 1
    # What ends now says how it was before.
    for call in (*under_way, probe):
        assert call is not None
        breaker.end(call, failed=False)
    assert int(breaker.state) == State.HALF_OPEN
    assert [ask(breaker, clock) for _ in range(3)] == [True] * 3
    assert int(breaker.state) == State.CLOSED
    assert [breaker.begin() is not None for _ in range(50)] == [True] * 50


def test_a_call_that_nobody_waited_for_counts_for_nothing_unless_it_is_overdue() -> None:
    clock = Clock()
    breaker = RateBreaker(SETTINGS, clock)
    for failed in (False, False, True) * 5:
        call = breaker.begin()
        assert call is not None
        clock.now += 0.01
        if failed:
            breaker.end(call, failed=True)
        else:
            breaker.drop(call)
    assert int(breaker.state) == State.OPEN, "ten dropped ones did not make up for five failures"
    clock.now += 1
    for _ in range(5):
        probe = breaker.begin()
        assert probe is not None, "the next may be the probe"
        breaker.drop(probe)
    assert int(breaker.state) == State.HALF_OPEN, "no probe has told anything"
    late = breaker.begin()
    clock.now += 2
    assert late is not None
    breaker.drop(late)
    assert int(breaker.state) == State.OPEN


class Calls(RuleBasedStateMachine):
    """Any number of callers, who end, give up or never come back."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = RateBreaker(SETTINGS, self.clock)
        self.calls: list[Call] = []
        self.opened_at: float | None = None

    @rule()
    def begin(self) -> None:
        before = int(self.breaker.state)
        call = self.breaker.begin()
        if before == State.CLOSED:
            assert call is not None, "closed, it lets everybody through"
        if before == State.OPEN:
            assert call is None
        if call is not None:
            self.calls.append(call)
            if before == State.HALF_OPEN:
                assert self.breaker.begin() is None, "half-open, one at a time"

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), failed=st.booleans())
    def end(self, data: st.DataObject, failed: bool) -> None:
        call = data.draw(st.sampled_from(self.calls))
        self.calls.remove(call)
        self.breaker.end(call, failed=failed)

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(self.calls))
        self.calls.remove(call)
        self.breaker.drop(call)

    @rule(seconds=st.sampled_from([0.01, 0.5, 1.01, 2.5]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def never_open_for_longer_than_the_pause(self) -> None:
        if self.breaker.state is not State.OPEN:
            self.opened_at = None
        elif self.opened_at is None:
            self.opened_at = self.clock.now
        assert self.opened_at is None or self.clock.now - self.opened_at < 1 + 2.5 + 1

    def teardown(self) -> None:
        """A peer that is well is asked again within seconds."""
        for _ in range(10):
            self.clock.now += 1.1
            ask(self.breaker, self.clock)
        assert self.breaker.state is State.CLOSED


TestCalls = Calls.TestCase
TestCalls.settings = STATEFUL
