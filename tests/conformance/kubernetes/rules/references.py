"""Whatever an object names is there."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import NAME, Object, Pod, reference, selects, within

_INSTANCE, _PART_OF = "app.kubernetes.io/instance", "app.kubernetes.io/part-of"
# Not made by the manifests: every cluster has them.
BUILT_IN_CLASSES = {"system-cluster-critical", "system-node-critical"}
BUILT_IN_ROLES = {"view"}
# Labels of pods that no manifest here makes.
MADE_BY_OTHERS: tuple[dict[str, str], ...] = (
    {"acme.cert-manager.io/http01-solver": "true"},
    *(
        {NAME: name, _INSTANCE: "mysql", _PART_OF: "percona-server"}
        for name in ("haproxy", "mysql", "xtrabackup")
    ),
)


def services_select_pods(shop: Manifests) -> Iterator[str]:
    for service in shop.of("Service"):
        if selector := service["spec"].get("selector"):
            namespace = service["metadata"].get("namespace", "")
            of_others = any(selects({"matchLabels": selector}, one) for one in MADE_BY_OTHERS)
            if not shop.pods_of({"matchLabels": selector}, namespace) and not of_others:
                yield f"{reference(service)} selects no pod"


def services_lead_to_ports_of_their_pods(shop: Manifests) -> Iterator[str]:
    for service in shop.of("Service"):
        selector = {"matchLabels": service["spec"].get("selector", {"": ""})}
        for pod in shop.pods_of(selector, service["metadata"].get("namespace", "")):
            known = {*pod.ports, *pod.ports.values()}
            for port in service["spec"].get("ports", ()):
                if port.get("targetPort", port["port"]) not in known:
                    wanted = port.get("targetPort", port["port"])
                    yield f"{reference(service)} leads to port {wanted}, not one of {pod.reference}"


def probes_ask_ports_of_their_container(shop: Manifests) -> Iterator[str]:
    for pod in shop.pods:
        for container in pod.containers:
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                probe = container.described.get(kind, {})
                for how in ("httpGet", "tcpSocket", "grpc"):
                    port = within(probe, how, "port")
                    if port and port not in {*container.ports, *container.ports.values()}:
                        yield f"{pod.reference}: {kind} asks port {port}, which is not declared"


def selectors_match_something(shop: Manifests) -> Iterator[str]:
    for one in shop.of("NetworkPolicy"):
        selector = one["spec"]["podSelector"]
        of_others = any(selects(selector, labels) for labels in MADE_BY_OTHERS)
        if selector and not _pods(shop, one, selector) and not of_others:
            yield f"{reference(one)} is for no pod"
    for one in shop.of("PodDisruptionBudget"):
        if not _pods(shop, one, one["spec"]["selector"]):
            yield f"{reference(one)} is for no pod"


def workloads_select_their_own_pods(shop: Manifests) -> Iterator[str]:
    for pod in shop.servers:
        selector = pod.owner["spec"]["selector"]
        found = _pods(shop, pod.owner, selector)
        if [one.reference for one in found] != [pod.reference]:
            yield f"{pod.reference} selects {[one.reference for one in found]}"
        if set(selector.get("matchLabels", {})) != {"app.kubernetes.io/name"}:
            yield f"{pod.reference} is selected by a label that an upgrade may change"


def accounts_classes_and_claims_exist(shop: Manifests) -> Iterator[str]:
    classes = {one["metadata"]["name"] for one in shop.of("PriorityClass")} | BUILT_IN_CLASSES
    for pod in shop.pods:
        account = pod.spec.get("serviceAccountName")
        if account is None or shop.find("ServiceAccount", account, pod.namespace) is None:
            yield f"{pod.reference} runs as the account {account}, which is not there"
        if pod.spec.get("priorityClassName") not in classes:
            yield f"{pod.reference} has no priority class that exists"
        for volume in pod.volumes.values():
            claim = within(volume, "persistentVolumeClaim", "claimName")
            if claim and shop.find("PersistentVolumeClaim", claim, pod.namespace) is None:
                yield f"{pod.reference} mounts the claim {claim}, which is not there"


def every_mount_has_a_volume_and_every_volume_a_mount(shop: Manifests) -> Iterator[str]:
    for pod in shop.pods:
        claims = within(pod.owner, "spec", "volumeClaimTemplates", default=[])
        volumes = {*pod.volumes, *(one["metadata"]["name"] for one in claims)}
        mounted = {mount["name"] for one in pod.containers for mount in one.mounts}
        if wrong := sorted(volumes ^ mounted):
            yield f"{pod.reference}: {wrong} is a volume without a mount or the other way round"


def named_services_exist(shop: Manifests) -> Iterator[str]:
    """Of an Ingress, a route, a StatefulSet."""
    for one, path, value in shop.walk():
        namespace = one["metadata"].get("namespace", "")
        if one["kind"] == "Ingress" and path[-1:] == ("service",):
            yield from _backend(shop, one, value["name"], namespace, value["port"].get("number"))
        elif one["kind"].endswith("Route") and path[-2:-1] == ("backendRefs",):
            yield from _backend(shop, one, value["name"], namespace, value.get("port"))
    for one in shop.of("StatefulSet"):
        name = one["spec"].get("serviceName")
        if name and shop.find("Service", name, one["metadata"].get("namespace")) is None:
            yield f"{reference(one)} names the Service {name}, which is not there"


def _backend(
    shop: Manifests, one: Object, name: str, namespace: str, port: int | None
) -> Iterator[str]:
    service = shop.find("Service", name, namespace)
    if service is None:
        yield f"{reference(one)} leads to Service {name}, which is not there"
    elif port is not None and port not in [each["port"] for each in service["spec"]["ports"]]:
        yield f"{reference(one)} leads to port {port} of Service {name}, which has none"


def bindings_name_roles_and_accounts(shop: Manifests) -> Iterator[str]:
    for one in shop.of("RoleBinding", "ClusterRoleBinding"):
        role = one["roleRef"]
        if role["name"] not in BUILT_IN_ROLES and shop.find(role["kind"], role["name"]) is None:
            yield f"{reference(one)} gives {role['name']}, which is not there"
        for subject in one["subjects"]:
            if shop.find(subject["kind"], subject["name"], subject.get("namespace")) is None:
                yield f"{reference(one)} is for {subject['name']}, which is not there"
    for one in shop.of("ValidatingAdmissionPolicyBinding"):
        if shop.find("ValidatingAdmissionPolicy", one["spec"]["policyName"]) is None:
            yield f"{reference(one)} binds a policy that is not there"


def _pods(shop: Manifests, one: Object, selector: Mapping[str, Any]) -> list[Pod]:
    return shop.pods_of(selector, one["metadata"].get("namespace", ""))
