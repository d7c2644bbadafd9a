"""Every set of manifests keeps every rule."""

import pytest

from tests.conformance.kubernetes.registry import RULES, Rule
from tests.conformance.kubernetes.rendering import render
from tests.conformance.kubernetes.sets import SETS, Set


@pytest.mark.parametrize("one", SETS, ids=str)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_set_keeps_the_rule(rule: Rule, one: Set) -> None:
    assert [*rule(render(one))] == []
