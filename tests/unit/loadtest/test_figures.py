"""What Locust's statistics and the generators' own counts say together."""

import math
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.figures import Counts, Figures, Outcome, Tally, bucket, failure_text

TIMES = st.lists(st.floats(min_value=0.01, max_value=60_000), min_size=1, max_size=300)


def tally_of(milliseconds: list[float]) -> Tally:
    buckets = Counter(bucket(one) for one in milliseconds)
    return Tally(response_times=buckets, longest_milliseconds=max(milliseconds))


@given(TIMES, TIMES, st.integers(1, 100))
def test_a_percentile_of_several_generators_is_at_most_one_percent_too_high_and_never_too_low(
    one: list[float], two: list[float], percent: int
) -> None:
    exact = sorted(one + two)[math.ceil(len(one + two) * percent / 100) - 1]
    found = Tally.merged([tally_of(one), tally_of(two)]).milliseconds(percent)
    assert found is not None
    assert exact * (1 - 1e-9) <= found <= exact * 1.0101


def test_percentiles_are_not_averaged() -> None:
    """A slow generator with few answers would count for half."""
    whole = Tally.merged([tally_of([10.0] * 990), tally_of([1000.0] * 10)])
    assert whole.milliseconds(99) == pytest.approx(10, rel=0.011)
    assert whole.milliseconds(99.1) == 1000
    assert Tally().milliseconds(99) is None


def test_requests_come_from_locust_and_the_rest_from_the_generators() -> None:
    def entry(step: str, name: str, failures: int, times: dict[float, int]) -> SimpleNamespace:
        return SimpleNamespace(
            **{"method": step, "name": name, "num_requests": 10, "num_failures": failures},
            **{"response_times": times, "max_response_time": max(times, default=0.0)},
        )

    def error(name: str, times: int, outcome: Outcome, detail: str = "") -> SimpleNamespace:
        text = failure_text(outcome, detail)
        return SimpleNamespace(method="2", name=name, error=text, occurrences=times)

    figures = Figures.from_locust(
        [entry("1", "product", 0, {5.0: 10}), entry("2", "product", 9, {5.0: 8})],
        [
            error("product", 2, Outcome.LIMITED),
            error("product", 3, Outcome.SERVER, "503"),
            error("product", 1, Outcome.SERVER, "500"),
            error("product", 2, Outcome.TIMEOUT),
            error("product", 1, Outcome.WRONG, "JSON without price_idr"),
        ],
        Counts({(2, "product", "planned"): 20, (2, "product", "late"): 3}),
    )
    tally = figures.tally(2, "product")
    assert tally.outcomes == {"answered": 1, "429": 2, "5xx": 4, "timeout": 2, "wrong content": 1}
    assert (tally.started, tally.answered, tally.limited, tally.errors) == (10, 1, 2, 7)
    assert tally.response_times.total() == 8  # a 429 has no latency
    assert (tally.planned, tally.missed) == (20, 10 + 3)
    assert figures.tally(1, "product").answered == 10
    assert figures.failures == {
        "product: 429": 2,
        "product: 503": 3,
        "product: 500": 1,
        "product: timeout": 2,
        "product: JSON without price_idr": 1,
    }
