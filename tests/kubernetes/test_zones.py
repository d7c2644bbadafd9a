"""A zone that is drained takes nothing with it, and a spread over zones never blocks the drain."""

import json
from collections.abc import Iterator

import pytest

from tests.kubernetes.shop import NAMESPACE, ZONE, Shop
from tests.waiting import eventually
from tools.cluster.control_plane import ControlPlane
from tools.cluster.fake_nodes import ZONES
from tools.cluster.processes import ClusterFailed

_DRAINED = "zone-a"


@pytest.fixture
def spread_shop(shop: Shop) -> Iterator[Shop]:
    shop.use("ha")
    yield shop
    shop.uncordon()


def test_draining_a_zone_respects_every_budget_and_ends(spread_shop: Shop) -> None:
    replicas = {
        workload["metadata"]["name"]: workload["spec"]["replicas"]
        for workload in spread_shop.objects("deployments,statefulsets")
    }
    budgets = {
        budget["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]
        for budget in spread_shop.objects("poddisruptionbudgets")
    }
    assert budgets == set(replicas), "a workload has no budget"
    with spread_shop.watch() as watch:
        spread_shop.drain(_DRAINED)
        spread_shop.wait_until_settled()
        lowest = {name: watch.lowest(name) for name in replicas}
    # Of each of them one at a time, at most.
    assert {name: count for name, count in lowest.items() if count < replicas[name] - 1} == {}
    # Not all of them had a pod there; those of the request path had.
    assert sum(lowest[name] < replicas[name] for name in replicas) >= 5
    for name, count in replicas.items():
        zones = spread_shop.zones(name)
        assert len(zones) == count, f"{name} runs {len(zones)} times of {count}"
        assert _DRAINED not in zones


def test_a_zone_that_comes_back_is_used_again(spread_shop: Shop) -> None:
    """By the next pods: a scheduler moves none that runs."""
    spread_shop.drain(_DRAINED)
    spread_shop.wait_until_settled()
    spread_shop.uncordon()
    for name in ("frontend", "api-gw"):
        spread_shop.control_plane.kubectl(
            "rollout", "restart", f"deployment/{name}", f"--namespace={NAMESPACE}"
        )
    spread_shop.wait_until_settled()
    assert spread_shop.zones("frontend") == spread_shop.zones("api-gw") == sorted(ZONES)


@pytest.fixture(scope="module")
def namespace(shop: Shop) -> Iterator[ControlPlane]:
    """For a workload of this file."""
    shop.control_plane.kubectl("create", "namespace", "spread")
    yield shop.control_plane
    # Which takes longer than all that was in it.
    shop.control_plane.kubectl("delete", "namespace", "spread", "--wait=false")


@pytest.fixture
def bare(shop: Shop, namespace: ControlPlane) -> Iterator[ControlPlane]:
    shop.uncordon()
    yield namespace
    delete = ("delete", "deployment,poddisruptionbudget", "web", "--namespace=spread")
    namespace.kubectl(*delete, "--cascade=foreground")
    shop.uncordon()


@pytest.mark.parametrize(
    ("constraint", "ends"),
    [
        ({"nodeTaintsPolicy": "Honor"}, True),
        # Its nodes are cordoned, and still count as a zone that should have pods.
        ({"nodeTaintsPolicy": "Ignore"}, False),
        # Two zones are too few for it, so that none may have a second pod.
        ({"nodeTaintsPolicy": "Honor", "minDomains": 3}, False),
    ],
)
def test_a_strict_spread_lets_a_zone_be_drained_only_if_it_forgets_the_zone(
    bare: ControlPlane, constraint: dict[str, object], ends: bool
) -> None:
    """Why the overlay says what it says: the other two ways would wait for ever."""
    bare.kubectl("apply", "--filename=-", content=_spread(constraint))
    rollout = ("rollout", "status", "deployment/web", "--namespace=spread", "--timeout=60s")
    bare.kubectl(*rollout)
    drain = ("drain", f"--selector={ZONE}={_DRAINED}", "--timeout=12s", "--ignore-daemonsets")
    # The shop, if it is there, has pods in this zone as well; only ours are to be moved.
    only = ("--pod-selector=app=web",)
    if ends:
        bare.kubectl(*drain, *only)
        bare.kubectl(*rollout)
    else:
        with pytest.raises(ClusterFailed, match="timeout reached"):
            bare.kubectl(*drain, *only)
    pending = "--field-selector=status.phase=Pending"
    waiting = eventually(
        lambda: bare.get("pods", "--namespace=spread", pending)["items"],
        lambda pods: bool(pods) != ends,
    )
    assert len(waiting) == (0 if ends else 1)


def _spread(constraint: dict[str, object]) -> str:
    labels = {"app": "web"}
    strict = {
        **{"topologyKey": ZONE, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"},
        **{"labelSelector": {"matchLabels": labels}, "matchLabelKeys": ["pod-template-hash"]},
    }
    pod = {
        "containers": [{"name": "web", "image": "example/web:1"}],
        "topologySpreadConstraints": [{**strict, **constraint}],
    }
    deployment = {
        **{"apiVersion": "apps/v1", "kind": "Deployment"},
        "metadata": {"name": "web", "namespace": "spread"},
        "spec": {
            # Two for each zone: the second one shows whether the first has found a place.
            "replicas": 6,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    budget = {
        **{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget"},
        "metadata": {"name": "web", "namespace": "spread"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}},
    }
    return "\n---\n".join(map(json.dumps, (deployment, budget)))
