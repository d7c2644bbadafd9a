"""Admission takes every overlay that needs nothing installed, with `restricted` enforced."""

import os
from typing import Any

import pytest

from tests.kubernetes.shop import NAMESPACE, Shop, core_overlays
from tests.waiting import eventually

_ALWAYS_SENT = ("statefulset.apps/", "poddisruptionbudget.policy/")
_KEPT_BY_OTHERS = {"status", "managedFields", "resourceVersion"}


LONG = os.environ.get("LONG_TESTS") == "1"


# The other one is applied by the tests that follow, and to a real node by tests/cluster.
@pytest.fixture(params=core_overlays() if LONG else ["ha"], scope="module")
def applied(request: pytest.FixtureRequest, shop: Shop) -> Shop:
    """By that name, settled."""
    shop.use(request.param)
    return shop


def test_every_workload_comes_up(applied: Shop) -> None:
    """`use` has waited for it, and has failed on any warning."""
    enforced = applied.control_plane.get("namespace", NAMESPACE)["metadata"]["labels"]
    assert enforced["pod-security.kubernetes.io/enforce"] == "restricted"
    assert not applied.unsettled()


def test_replicas_are_spread_over_zones(applied: Shop) -> None:
    replicated = [
        workload["metadata"]["name"]
        for workload in applied.objects("deployments,statefulsets")
        if workload["spec"]["replicas"] > 1
    ]
    assert replicated
    for name in replicated:
        zones = applied.zones(name)
        counts = [zones.count(zone) for zone in applied.nodes.names]
        assert max(counts) - min(counts) <= 1, f"{name} is in {zones}"


def test_a_second_apply_changes_nothing(applied: Shop) -> None:
    # Once it is quiet: what a controller still has to do is not what is asked here.
    before = eventually(lambda: _state(applied), lambda state: state == _state(applied))
    lines = applied.apply(applied.name)
    assert [line for line in lines if _changes(line)] == []
    assert _state(applied) == before


def _changes(line: str) -> bool:
    """Whether kubectl has sent a change. What it cannot compare (a list of templates that the
    server completes, a selector that is replaced as a whole) it sends every time."""
    return not line.endswith(" unchanged") and not line.startswith(_ALWAYS_SENT)


def _state(shop: Shop) -> dict[str, Any]:
    """Of each object, all that does not change by itself."""
    kinds = (
        "deployments,statefulsets,daemonsets,jobs,cronjobs,services,configmaps,serviceaccounts,"
        "roles,rolebindings,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,"
        "ingresses,persistentvolumeclaims"
    )
    state = {}
    for found in shop.objects(kinds):
        metadata = {
            name: value for name, value in found["metadata"].items() if name not in _KEPT_BY_OTHERS
        }
        rest = {name: value for name, value in found.items() if name not in _KEPT_BY_OTHERS}
        # What has no status changes only if somebody writes it, so that its version counts.
        version = None if "status" in found else found["metadata"]["resourceVersion"]
        state[f"{found['kind']}/{metadata['name']}"] = {**rest, "metadata": metadata} | {
            "version": version
        }
    return state
