"""What holds for each object by itself."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import Object, reference
from tests.conformance.kubernetes.rules.confinement import NODES, SHOP

# A quarter less than what etcd and kubectl's annotation take at most (256 KiB).
LARGEST_BYTES = 200 * 1024
_PART_OF, _COMPONENT = "app.kubernetes.io/part-of", "app.kubernetes.io/component"
_VERSION = "app.kubernetes.io/version"
_CLUSTER_WIDE = {
    *("Namespace", "PriorityClass", "ClusterRole", "ClusterRoleBinding", "GatewayClass"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ClusterIssuer"),
    *("ClusterSecretStore", "NodePool", "EC2NodeClass", "IngressClass", "APIService"),
    "CustomResourceDefinition",
}
# What a component adds to a namespace of somebody else, or makes for itself.
_NAMESPACES_OF = {
    "cluster-autoscaler-aws": "kube-system",
    "cluster-autoscaler-clusterapi": "kube-system",
    "gateway-api": "arloji-gateway",
    "nic-config": "nginx-ingress",
}
_KEEPS_ITS_NAME = {
    "load": "its readers are Jobs, which cannot be rolled",
    "backup-s3": "its readers are Jobs, which read it anew each time",
    "backup-encryption": "its readers are Jobs, which read it anew each time",
    "nginx-config": "the ingress controller reads it under this name",
}
_PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s:@$]+@")


def objects_are_in_a_namespace_of_the_shop(shop: Manifests) -> Iterator[str]:
    by_components = {_NAMESPACES_OF[one] for one in shop.components & _NAMESPACES_OF.keys()}
    allowed = {SHOP, NODES, *by_components}
    for one in shop.objects:
        namespace = one["metadata"].get("namespace")
        if one["kind"] in _CLUSTER_WIDE:
            if namespace:
                yield f"{reference(one)} says a namespace and has none"
            continue
        if namespace not in allowed:
            yield f"{reference(one)} is in the namespace {namespace}"


def objects_are_unique(shop: Manifests) -> Iterator[str]:
    times = Counter(
        (one["apiVersion"].partition("/")[0], one["metadata"].get("namespace"), reference(one))
        for one in shop.objects
    )
    for (_, _, name), count in times.items():
        if count > 1:
            yield f"{name} is there {count} times"


def objects_fit_into_a_request(shop: Manifests) -> Iterator[str]:
    for one in shop.objects:
        if (size := len(json.dumps(one).encode())) > LARGEST_BYTES:
            yield f"{reference(one)} has {size // 1024} KiB"


def objects_bear_the_recommended_labels(shop: Manifests) -> Iterator[str]:
    for one in shop.objects:
        if one["metadata"].get("labels", {}).get(_PART_OF) != "arloji":
            yield f"{reference(one)} is not labelled as a part of arloji"
    for pod in shop.pods:
        for where, labels in (
            (pod.reference, pod.owner["metadata"].get("labels", {})),
            (f"a pod of {pod.reference}", pod.labels),
        ):
            wanted = ["app.kubernetes.io/name", _COMPONENT, _PART_OF]
            # Of what is released here; others say theirs by their tag.
            image, _, tag = pod.main.described["image"].rpartition(":")
            if image.endswith(("arloji/service", "arloji/housekeeping")):
                wanted.append(_VERSION)
            for label in wanted:
                if label not in labels:
                    yield f"{where} has no label {label}"
            if labels.get(_VERSION, tag) != tag:
                yield f"{where} has the version {labels[_VERSION]} and runs {tag}"


def no_secret_is_rendered(shop: Manifests) -> Iterator[str]:
    for one, path, value in shop.walk():
        if path == () and one["kind"] == "Secret":
            yield f"{reference(one)} would be in the repository"
        if isinstance(value, str) and _PRIVATE.search(value):
            yield f"{reference(one)} holds a secret at {'/'.join(map(str, path))}"


def nothing_is_left_of_patches(shop: Manifests) -> Iterator[str]:
    for one, path, value in shop.walk():
        if path and isinstance(path[-1], str) and path[-1].startswith("$"):
            yield f"{reference(one)} has a leftover {path[-1]}"
        if isinstance(value, str) and re.search(r"\bREPLACED?\b|\bTODO\b|\bPLACEHOLDER\b", value):
            yield f"{reference(one)} has a leftover {value[:40]!r}"


def nothing_is_null(shop: Manifests) -> Iterator[str]:
    """A patch that empties a field leaves one, which an apply takes for `unset`."""
    for one, path, value in shop.walk():
        if value is None:
            yield f"{reference(one)} has nothing at {'/'.join(map(str, path))}"


def configuration_rolls_whoever_reads_it(shop: Manifests) -> Iterator[str]:
    """Named by its content, so that a change is a rollout of its readers and of nobody else."""
    for one in shop.of("ConfigMap"):
        name = one["metadata"]["name"]
        if name in _KEEPS_ITS_NAME:
            continue
        if not re.search(r"-[a-z0-9]{10}$", name):
            yield f"{reference(one)} would be changed beneath its readers"
        readers = _readers(shop, one)
        if not readers:
            yield f"{reference(one)} is read by nobody"


def _readers(shop: Manifests, config: Object) -> list[str]:
    name = config["metadata"]["name"]
    namespace = config["metadata"].get("namespace")
    pods = [pod for pod in shop.pods if pod.namespace == namespace]
    return [pod.reference for pod in pods if _mentions(pod.spec, name)]


def _mentions(value: Any, name: str) -> bool:
    if isinstance(value, dict):
        return any(_mentions(inner, name) for inner in value.values())
    if isinstance(value, list):
        return any(_mentions(inner, name) for inner in value)
    return bool(value == name)
