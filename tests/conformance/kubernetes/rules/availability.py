"""Replicas, budgets, spread and scaling."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from contracts.services import SERVICE_NAMES
from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import Pod, reference, within

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
STATELESS = {"ingress", *SERVICE_NAMES}
# By the component pdb-strict.
_MOVED_BY_HAND = {"mysql", "queue-redis"}
# Pods that do nothing and may go at any time.
_RESERVE = "headroom"
ONE_PER_NODE = "DaemonSet"


def stateless_services_have_two_replicas(shop: Manifests) -> Iterator[str]:
    for pod in shop.servers:
        if pod.name in STATELESS and shop.fewest_replicas(pod) < 2:
            yield f"{pod.reference} has fewer than two replicas"


def each_workload_has_one_scaler_at_most(shop: Manifests) -> Iterator[str]:
    """Two that set the same number undo each other's decisions."""
    targets = Counter(
        (one["metadata"].get("namespace"), one["spec"]["scaleTargetRef"]["name"])
        for one in shop.scalers
    )
    for (_, name), times in targets.items():
        if times > 1:
            yield f"{name} is scaled by {times}"


def scalers_scale_a_workload_that_exists(shop: Manifests) -> Iterator[str]:
    scaled = {id(one) for pod in shop.servers for one in shop.scalers_of(pod)}
    for one in shop.scalers:
        if id(one) not in scaled:
            yield f"{reference(one)} scales nothing"
    for one in shop.of("VerticalPodAutoscaler"):
        target = one["spec"]["targetRef"]
        if shop.find(target["kind"], target["name"], one["metadata"].get("namespace")) is None:
            yield f"{reference(one)} looks at nothing"
        if within(one, "spec", "updatePolicy", "updateMode") != "Off":
            yield f"{reference(one)} changes pods that something else scales"


def scalers_measure_a_container_that_exists_and_asks_for_it(shop: Manifests) -> Iterator[str]:
    for pod in shop.servers:
        containers = {one.name: one for one in pod.containers if not one.first}
        for scaler in shop.scalers_of(pod):
            for metric in scaler["spec"].get("metrics", ()):
                if metric["type"] != "ContainerResource":
                    yield f"{reference(scaler)} measures whole pods"
                    continue
                source = metric["containerResource"]
                measured = containers.get(source["container"])
                requests = within(measured and measured.described, "resources", "requests")
                if source["name"] not in (requests or {}):
                    yield f"{reference(scaler)} measures {source['name']} of {source['container']}"


def stateless_services_are_scaled(shop: Manifests) -> Iterator[str]:
    for pod in shop.servers:
        if pod.name not in STATELESS:
            continue
        scalers = shop.scalers_of(pod)
        if not scalers:
            yield f"{pod.reference} is not scaled"
        for one in scalers:
            most = one["spec"].get("maxReplicas", one["spec"].get("maxReplicaCount", 0))
            if most <= shop.fewest_replicas(pod):
                yield f"{reference(one)} leaves no room"


def replicas_are_left_to_the_scaler(shop: Manifests) -> Iterator[str]:
    """Each apply would set them back."""
    for pod in shop.servers:
        if shop.scalers_of(pod) and "replicas" in pod.owner["spec"]:
            yield f"{pod.reference} says replicas, which a scaler owns"


def budgets_never_block_a_drain(shop: Manifests) -> Iterator[str]:
    for one in shop.of("PodDisruptionBudget"):
        spec = one["spec"]
        strict = "pdb-strict" in shop.components and one["metadata"]["name"] in _MOVED_BY_HAND
        if spec.get("maxUnavailable") != (0 if strict else 1) or "minAvailable" in spec:
            yield f"{reference(one)} is not one pod at a time"
        if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{reference(one)} keeps a broken pod where it is"


def every_server_has_one_budget(shop: Manifests) -> Iterator[str]:
    """Two for one pod make its eviction an error."""
    for pod in shop.servers:
        if pod.kind == ONE_PER_NODE or pod.name == _RESERVE:
            continue
        budgets = [
            reference(one)
            for one in shop.of("PodDisruptionBudget")
            if pod in shop.pods_of(one["spec"]["selector"], one["metadata"].get("namespace", ""))
        ]
        needed = pod.kind == "StatefulSet" or shop.fewest_replicas(pod) > 1
        if len(budgets) > 1 or (needed and not budgets):
            yield f"{pod.reference} has the budgets {budgets}"


def pods_spread_over_zones_and_hosts(shop: Manifests) -> Iterator[str]:
    for pod in shop.servers:
        if pod.kind == ONE_PER_NODE or pod.name == _RESERVE:
            continue
        constraints = {one["topologyKey"]: one for one in _constraints(pod)}
        # A constraint says nothing about the only one.
        if shop.fewest_replicas(pod) > 1 and set(constraints) != {ZONE, HOST}:
            yield f"{pod.reference} is not spread over both zones and hosts"
        for one in constraints.values():
            yield from (f"{pod.reference} {fault}" for fault in _wrong_spread(pod, one))


def _wrong_spread(pod: Pod, one: dict[str, Any]) -> Iterator[str]:
    keys = one.get("matchLabelKeys", [])
    counted = {*within(one, "labelSelector", "matchLabels", default={}), *keys}
    if "app.kubernetes.io/name" not in counted:
        yield "is spread together with other workloads"
    if pod.kind == "Deployment" and "pod-template-hash" not in keys:
        yield "counts pods of the release before"
    for key, value in within(one, "labelSelector", "matchLabels", default={}).items():
        if pod.labels.get(key) != value:
            yield f"is not counted itself: it has no label {key}={value}"
    if set(keys) & set(within(one, "labelSelector", "matchLabels", default={})):
        yield "has a label both ways, which the API refuses"
    if one["maxSkew"] != 1:
        yield "may be uneven"
    strict = one["whenUnsatisfiable"] == "DoNotSchedule"
    if strict and one.get("nodeTaintsPolicy") != "Honor":
        yield "cannot be moved while a zone is drained: cordoned nodes count"
    if not strict and "minDomains" in one:
        yield "has minDomains, which goes with DoNotSchedule alone"


def strict_spread_is_for_many_zones(shop: Manifests) -> Iterator[str]:
    """All or none: one that is left out is found when its zone is gone."""
    strict = {
        pod.name: any(
            one["topologyKey"] == ZONE and one["whenUnsatisfiable"] == "DoNotSchedule"
            for one in _constraints(pod)
        )
        for pod in shop.servers
        if pod.name in STATELESS
    }
    if len(set(strict.values())) > 1:
        yield f"only {sorted(name for name, found in strict.items() if found)} must be in each zone"


def each_zone_has_a_replica(shop: Manifests) -> Iterator[str]:
    for pod in shop.servers:
        if "zones" in shop.components and pod.name in STATELESS and shop.fewest_replicas(pod) < 3:
            yield f"{pod.reference} has too few replicas for three zones"


def traffic_stays_in_its_zone(shop: Manifests) -> Iterator[str]:
    """All but the edge, which a balancer asks."""
    for name in SERVICE_NAMES:
        service = shop.find("Service", name)
        if service and service["spec"].get("trafficDistribution") != "PreferSameZone":
            yield f"Service/{name} sends to any zone"


def _constraints(pod: Pod) -> list[dict[str, Any]]:
    return list(pod.spec.get("topologySpreadConstraints", ()))
