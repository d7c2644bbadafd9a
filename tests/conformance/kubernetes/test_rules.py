"""Every set of manifests keeps every rule."""

import pytest

from tests.conformance.kubernetes.registry import RULES, Rule
from tests.conformance.kubernetes.rendering import render
from tests.conformance.kubernetes.sets import SETS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_set_keeps_the_rule(rule: Rule) -> None:
    broken = {str(one): found for one in SETS if (found := [*rule(render(one))])}
    assert broken == {}
