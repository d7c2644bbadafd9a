"""How many requests may be sent a second time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.admission.budget import RetryBudget
from tests.clocks import Clock


def spend(budget: RetryBudget) -> int:
    count = 0
    while count < 100 and budget.take():
        count += 1
    return count


@pytest.mark.parametrize(
    ("requests", "seconds", "tries"), [(105, 0, 10), (0, 3.5, 3), (10_000, 10_000, 20)]
)
def test_second_tries_are_a_tenth_of_the_requests_and_one_a_second_and_bounded(
    requests: int, seconds: float, tries: int
) -> None:
    clock = Clock()
    budget = RetryBudget(clock=clock)
    spend(budget)
    for _ in range(requests):
        budget.count_request()
    clock.now += seconds
    assert spend(budget) == tries


@given(st.lists(st.tuples(st.integers(0, 200), st.floats(0, 5), st.integers(0, 50)), max_size=30))
def test_the_extra_load_has_a_bound(steps: list[tuple[int, float, int]]) -> None:
    clock = Clock()
    began, requests, sent_again = clock.now, 0, 0
    budget = RetryBudget(0.1, clock)
    for more, seconds, failures in steps:
        for _ in range(more):
            budget.count_request()
        clock.now += seconds
        requests += more
        sent_again += sum(budget.take() for _ in range(failures))
        assert sent_again <= 0.1 * requests + (clock.now - began) + 20
