"""When a dependency is left alone, and when it is tried again."""

from servicekit.circuit_breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(failures=3, pause_seconds=1, clock=clock)
    for _ in range(3):
        breaker.failed()
        clock.now += 0.1
    return breaker


def test_it_opens_after_failures_in_a_row_only() -> None:
    clock = Clock()
    breaker = Breaker(failures=3, pause_seconds=1, clock=clock)
    for succeeds in (False, False, True, False, False):
        assert breaker.allows()
        breaker.succeeded() if succeeds else breaker.failed()
        clock.now += 0.1
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()


def test_failures_that_come_together_are_one() -> None:
    clock = Clock()
    breaker = Breaker(failures=3, pause_seconds=1, clock=clock)
    for _ in range(100):
        breaker.failed()
        clock.now += 0.0001
    assert breaker.allows()


def test_after_each_pause_one_caller_tries() -> None:
    clock = Clock()
    breaker = opened(clock)
    for _ in range(3):
        clock.now += 1
        assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_a_failed_try_opens_it_for_another_pause() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 1
    assert breaker.allows()
    clock.now += 0.9
    breaker.failed()
    clock.now += 0.9
    assert not breaker.allows()


def test_a_success_closes_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += 1
    assert breaker.allows()
    breaker.succeeded()
    assert all(breaker.allows() for _ in range(3))
