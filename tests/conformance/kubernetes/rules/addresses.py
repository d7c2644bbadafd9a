"""No host or port is named that nobody has."""

import re
from collections.abc import Iterator

from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import reference

_ADDRESS = re.compile(r"(?:https?://|redis://|@|^|[\s=\"'\[,])([a-z][a-z0-9.-]*):(\d{2,5})\b")
_SELF = {"localhost", "0.0.0.0"}


def addresses_name_services(shop: Manifests) -> Iterator[str]:
    """In variables, arguments and configuration files: no host or port that nobody has."""
    texts = [
        (pod.reference, pod.namespace, text)
        for pod in shop.pods
        for container in pod.containers
        for text in [*shop.environment(pod, container).values(), *container.words]
    ]
    texts += [
        (reference(one), one["metadata"].get("namespace", ""), line)
        for one in shop.of("ConfigMap")
        for text in one.get("data", {}).values()
        for line in text.splitlines()
        if not line.lstrip().startswith(("#", '"', "description", "summary"))
    ]
    for where, namespace, text in texts:
        for host, port in _ADDRESS.findall(text):
            yield from _address(shop, where, namespace, host, int(port))


def _address(shop: Manifests, where: str, namespace: str, host: str, port: int) -> Iterator[str]:
    name, *rest = host.split(".")
    if host in _SELF or (rest and rest[1:2] not in ([], ["svc"])):
        return
    service = shop.find("Service", name, rest[0] if rest else namespace)
    if service is None:
        yield f"{where} names {host}:{port}, which is not a Service"
    elif port not in [one["port"] for one in service["spec"].get("ports", ())]:
        yield f"{where} names {host}:{port}, which is not a port of that Service"
