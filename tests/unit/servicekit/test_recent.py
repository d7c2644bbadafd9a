"""Memory within a bound: the least recently used goes first."""

from hypothesis import given
from hypothesis import strategies as st

from servicekit.recent import _OVERHEAD_BYTES, Recent

MAX_BYTES = 5 * _OVERHEAD_BYTES


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 7), st.integers(0, MAX_BYTES + 9))))
def test_it_keeps_what_was_used_last_and_never_more_than_its_bound(
    steps: list[tuple[bool, int, int]],
) -> None:
    recent: Recent[int, int] = Recent(MAX_BYTES)
    expected: dict[int, int] = {}  # in the order of use
    for is_put, key, size in steps:
        if is_put:
            recent.put(key, size, size)
            expected.pop(key, None)
            if size + _OVERHEAD_BYTES <= MAX_BYTES:
                expected[key] = size
            while sum(expected.values()) + len(expected) * _OVERHEAD_BYTES > MAX_BYTES:
                del expected[next(iter(expected))]
        elif (found := recent.get(key)) is not None:
            expected[key] = expected.pop(key)
            assert found == expected[key]
        else:
            assert key not in expected
    assert len(recent) == len(expected)
    assert {key: recent.get(key) for key in expected} == expected


@given(st.lists(st.integers(0, 20), max_size=5, unique=True), st.integers(0, 20))
def test_it_drops_those_that_are_over_up_to_the_first_that_is_not(
    values: list[int], limit: int
) -> None:
    recent: Recent[int, int] = Recent(MAX_BYTES)
    for value in values:
        recent.put(value, value, 0)
    recent.drop_while(lambda value: value < limit)
    first = next((at for at, value in enumerate(values) if value >= limit), len(values))
    assert list(recent.values()) == values[first:][::-1]
