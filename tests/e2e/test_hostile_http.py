"""Bytes that mean harm at the three doors of a real shop: what each says is in one table, no answer
goes to the wrong request, and nothing is the server's fault.

`python -m tests.hostile_http URL …` prints what servers make of them.
"""

from collections.abc import Iterator, Mapping

import pytest

from tests.doors import DOORS, doors_of
from tests.hostile_http import VECTORS, unexpected
from tests.odd_requests import DIFFERENCES, expected
from tests.stack import RunningStack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def doors(
    stack: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    with doors_of(stack, tmp_path_factory.mktemp("edge")) as doors:
        yield doors


@pytest.mark.parametrize("door", DOORS)
def test_each_door_says_what_the_table_has_and_answers_nobody_for_another(
    doors: Mapping[str, str], door: str
) -> None:
    assert unexpected(doors[door], door) == {}


def test_the_table_is_large_enough_and_tells_no_difference_that_is_none() -> None:
    assert len(VECTORS) >= 200
    for difference in DIFFERENCES:
        for door in ("gateway", "nginx"):
            for name in getattr(difference, door):
                assert expected(door, name) != expected("frontend", name), name
