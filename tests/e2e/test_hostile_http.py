"""Bytes that mean harm at the three doors of a real shop: what each says is in one table, no answer
goes to the wrong request, and nothing is the server's fault.

`python -m tests.hostile_http URL …` prints what servers make of them.
"""

from collections.abc import Iterator, Mapping

import pytest

from tests.edge import Edge
from tests.hostile_http import VECTORS, try_all
from tests.odd_requests import DIFFERENCES, SEEN_THROUGH_NGINX, expected
from tests.stack import RunningStack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def doors(
    stack: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    folder = tmp_path_factory.mktemp("edge")
    (logs := folder / "logs").mkdir()
    with Edge(folder, stack.port("frontend"), logs) as edge:
        yield {"frontend": stack.shop_url, "gateway": stack.url("api-gw"), "nginx": edge.url}


@pytest.mark.parametrize("door", ["frontend", "gateway", "nginx"])
def test_each_door_says_what_the_table_has_and_answers_nobody_for_another(
    doors: Mapping[str, str], door: str
) -> None:
    outcomes = try_all(doors[door])
    faults = {name: one.fault for name, one in outcomes.items() if one.fault}
    assert faults == ({SEEN_THROUGH_NGINX: "answer of another"} if door == "nginx" else {})
    others = {
        name: str(one) for name, one in outcomes.items() if one.statuses not in expected(door, name)
    }
    assert others == {}


def test_the_table_is_large_enough_and_tells_no_difference_that_is_none() -> None:
    assert len(VECTORS) >= 200
    for difference in DIFFERENCES:
        for door in ("gateway", "nginx"):
            for name in getattr(difference, door):
                assert expected(door, name) != expected("frontend", name), name
