"""No pod may do more than it must: Pod Security `restricted`, and what goes beyond it."""

from collections.abc import Iterator, Mapping

from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import Container, Pod, within

SHOP, NODES = "arloji", "arloji-nodes"
# Beside the cluster's own parts.
IN_KUBE_SYSTEM = {"cluster-autoscaler"}
# They read the node itself, which `restricted` forbids.
ON_NODES = {"node-exporter", "otel-agent"}
# Written by the process and too large, or too precious, for memory.
ON_DISK: Mapping[tuple[str, str], str] = {
    ("publisher", "audit"): "audit lines live as long as their pod",
    ("reconcile", "work"): "hundreds of MB while it compares; a Job, which ends",
    ("purge-audit", "work"): "the same",
    ("drill", "work"): "a whole database, as long as its Job lasts",
}
# Folders of the node that a reader of it writes to.
WRITES_ON_NODE = {("otel-agent", "/var/lib/otelcol"): "how far each log was read; what waits"}
_RESTRICTED_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"),
    *("persistentVolumeClaim", "projected", "secret"),
}
# A request waits for none of these: a limit of CPU keeps them from taking it from others.
MAY_HAVE_CPU_LIMIT = {"load", "load-worker", "overprovisioning"}


def restricted_is_enforced_where_the_shop_runs(shop: Manifests) -> Iterator[str]:
    for name, level in ((SHOP, "restricted"), (NODES, "privileged")):
        namespace = shop.find("Namespace", name)
        labels = within(namespace, "metadata", "labels", default={})
        for mode in ("enforce", "warn", "audit"):
            if labels.get(f"pod-security.kubernetes.io/{mode}") != level:
                yield f"Namespace/{name} does not {mode} {level}"


def pods_are_in_the_namespace_for_them(shop: Manifests) -> Iterator[str]:
    for pod in shop.pods:
        wanted = NODES if pod.name in ON_NODES else SHOP
        if pod.name in IN_KUBE_SYSTEM:
            wanted = "kube-system"
        if pod.namespace != wanted:
            yield f"{pod.reference} is in {pod.namespace} instead of {wanted}"


def pods_share_nothing_with_their_node(shop: Manifests) -> Iterator[str]:
    for pod in _confined(shop):
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec.get(field):
                yield f"{pod.reference} has {field}"
        for name, volume in pod.volumes.items():
            if not _RESTRICTED_VOLUMES & volume.keys():
                yield f"{pod.reference}: volume {name} is of a kind that restricted forbids"
        for container in pod.containers:
            if any("hostPort" in port for port in container.described.get("ports", ())):
                yield f"{pod.reference} takes a port of its node"


def containers_are_restricted(shop: Manifests) -> Iterator[str]:
    for pod in _confined(shop):
        for container in pod.containers:
            for fault in _unrestricted(pod, container):
                yield f"{pod.reference}/{container.name} {fault}"


def _unrestricted(pod: Pod, container: Container) -> Iterator[str]:
    def said(*path: str) -> object:
        of_pod = within(pod.spec, "securityContext", *path)
        return within(container.described, "securityContext", *path, default=of_pod)

    own = within(container.described, "securityContext", default={})
    if said("runAsNonRoot") is not True:
        yield "may run as root"
    if not said("runAsUser"):
        yield "does not say as which user it runs"
    if said("seccompProfile", "type") != "RuntimeDefault":
        yield "has no seccomp profile"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if within(own, "capabilities", "drop") != ["ALL"] or within(own, "capabilities", "add"):
        yield "has capabilities"
    if own.get("privileged"):
        yield "is privileged"


def root_file_systems_are_read_only(shop: Manifests) -> Iterator[str]:
    for pod in shop.pods:
        for container in pod.containers:
            if within(container.described, "securityContext", "readOnlyRootFilesystem") is not True:
                yield f"{pod.reference}/{container.name} can write its own files"


def node_readers_keep_to_reading(shop: Manifests) -> Iterator[str]:
    """They are outside `restricted`: each path of the node is read-only, no capability is added."""
    for pod in shop.pods:
        if pod.name not in ON_NODES:
            continue
        node = {name for name, volume in pod.volumes.items() if "hostPath" in volume}
        for container in pod.containers:
            for mount in container.mounts:
                path = mount["mountPath"]
                writes = mount["name"] in node and not mount.get("readOnly")
                if writes and (pod.name, path) not in WRITES_ON_NODE:
                    yield f"{pod.reference} may write to its node at {path}"
            context = container.described.get("securityContext", {})
            if context.get("privileged") or within(context, "capabilities", "drop") != ["ALL"]:
                yield f"{pod.reference} may do more than read"


def scratch_is_in_memory_and_bounded(shop: Manifests) -> Iterator[str]:
    """On disk it would keep the cluster autoscaler from removing the node, unless it is told."""
    for pod in shop.pods:
        safe = within(
            pod.template,
            *("metadata", "annotations"),
            "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes",
            default="",
        ).split(",")
        for name, volume in pod.volumes.items():
            if (scratch := volume.get("emptyDir")) is None:
                continue
            if not scratch.get("sizeLimit"):
                yield f"{pod.reference}: {name} has no size limit"
            if scratch.get("medium") == "Memory":
                continue
            if (pod.name, name) not in ON_DISK or (pod.serves and name not in safe):
                yield f"{pod.reference}: {name} is on the node's disk"


def resources_are_asked_for_and_bounded(shop: Manifests) -> Iterator[str]:
    for pod in shop.pods:
        for container in pod.containers:
            resources = container.described.get("resources", {})
            requests, limits = resources.get("requests", {}), resources.get("limits", {})
            for name in ("cpu", "memory", "ephemeral-storage"):
                if name not in requests:
                    yield f"{pod.reference}/{container.name} asks for no {name}"
            if "memory" not in limits:
                yield f"{pod.reference}/{container.name} has no limit of memory"
            if "cpu" in limits and pod.name not in MAY_HAVE_CPU_LIMIT:
                yield f"{pod.reference}/{container.name} has a limit of CPU"


def variables_of_other_services_are_not_injected(shop: Manifests) -> Iterator[str]:
    for pod in shop.pods:
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{pod.reference} is given variables of each Service, which settings may read"


def _confined(shop: Manifests) -> list[Pod]:
    return [pod for pod in shop.pods if pod.name not in ON_NODES]
