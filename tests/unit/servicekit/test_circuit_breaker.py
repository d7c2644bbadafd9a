"""When a dependency is left alone, and when it is tried again."""

import pytest

from servicekit.circuit_breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


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
