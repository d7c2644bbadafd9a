"""Every rule fails on the faults that it is for."""

import re

import pytest

from tests.conformance.kubernetes.planting import Fault, plant
from tests.conformance.kubernetes.registry import RULES, modules_in
from tests.conformance.kubernetes.rendering import render
from tests.conformance.kubernetes.sets import Set

SMALL = Set("small")
FAULTS: tuple[Fault, ...] = tuple(one for module in modules_in("faults") for one in module.FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_planted_fault_is_found(fault: Fault) -> None:
    found = [*fault.rule(plant(render(SMALL), fault.changes, fault.components))]
    assert [one for one in found if re.search(fault.says, one)], found


def test_every_rule_has_a_fault() -> None:
    assert {rule.__name__ for rule in RULES} == {fault.rule.__name__ for fault in FAULTS}
