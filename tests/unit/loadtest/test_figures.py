"""What Locust's statistics and the generators' own counts say together."""

import math
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.figures import Counts, Figures, Tally, bucket

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
    entries: list[Any] = [
        SimpleNamespace(
            **{"method": step, "name": "product", "num_requests": 10, "num_failures": failures},
            **{"response_times": {5.0: answered}, "max_response_time": 5.0},
        )
        for step, failures, answered in (("1", 0, 10), ("2", 9, 8))
    ]
    texts = {"429": 2, "5xx: 503": 3, "5xx: 500": 1, "timeout": 2, "wrong content: no price": 1}
    errors: list[Any] = [
        SimpleNamespace(method="2", name="product", error=text, occurrences=times)
        for text, times in texts.items()
    ]
    counts = Counts({(2, "product", "planned"): 20, (2, "product", "late"): 3})
    figures = Figures.from_locust(entries, errors, counts)
    tally = figures.tally(2, "product")
    assert tally.outcomes == {"answered": 1, "429": 2, "5xx": 4, "timeout": 2, "wrong content": 1}
    assert (tally.started, tally.answered, tally.limited, tally.errors) == (10, 1, 2, 7)
    assert tally.response_times.total() == 8  # a 429 has no latency
    assert (tally.planned, tally.missed) == (20, 10 + 3)
    assert figures.tally(1, "product").answered == 10
    said = {f"product: {text.split(': ')[-1]}": times for text, times in texts.items()}
    assert figures.failures == said
