"""Every object is one that the oldest and the newest supported version take, field by field."""

import json
from typing import Any

import pytest

from tests.conformance.kubernetes.planting import MAIN, Change, plant, put
from tests.conformance.kubernetes.pods import Object
from tests.conformance.kubernetes.rendering import render
from tests.conformance.kubernetes.schemas import VERSIONS, SchemaMissing, faults_of, is_custom
from tests.conformance.kubernetes.sets import SETS, Set

SMALL = Set("small")
_checked: dict[tuple[str, str], list[str]] = {}


def checked(described: Object, version: str) -> list[str]:
    """Most objects are the same in every set."""
    key = (json.dumps(described, sort_keys=True), version)
    if key not in _checked:
        _checked[key] = [*faults_of(described, version)]
    return _checked[key]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("one", SETS, ids=str)
def test_a_set_is_what_this_version_takes(one: Set, version: str) -> None:
    objects = render(one).objects
    assert [fault for each in objects for fault in checked(each, version)] == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("Deployment/frontend", f"{MAIN}/lifecyle", {}), "'lifecyle' was unexpected"),
        (put("Service/frontend", "/spec/ports/0/port", "8080"), "is not of type 'integer'"),
        (put("PodDisruptionBudget/frontend", "/spec/maxUnavailble", 1), "'maxUnavailble'"),
    ],
)
def test_a_field_that_no_schema_has_is_found(change: Change, says: str, version: str) -> None:
    objects = plant(render(SMALL), [change]).objects
    found = [fault for each in objects for fault in checked(each, version)]
    assert len(found) == 1
    assert says in found[0]


def test_schemas_of_custom_resources_take_no_field_that_they_do_not_name() -> None:
    objects = {each["kind"]: each for one in SETS for each in render(one).objects}
    custom = [one for one in objects.values() if is_custom(one)]
    assert {one["kind"] for one in custom} >= {"ScaledObject", "HTTPRoute", "Certificate"}
    for one in custom:
        assert checked(one, VERSIONS[0]) == []
        wrong = {**one, "spec": {**one["spec"], "nonsense": 1}}
        assert checked(wrong, VERSIONS[0]) != [], one["kind"]


def test_an_object_without_a_schema_is_not_passed_over() -> None:
    unknown: dict[str, Any] = {"apiVersion": "example.org/v1", "kind": "X", "metadata": {}}
    with pytest.raises(SchemaMissing):
        checked(unknown, VERSIONS[0])
