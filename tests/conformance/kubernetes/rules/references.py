"""Whatever an object names is there."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.credentials import READERS
from tests.conformance.kubernetes.manifests import (
    NAME,
    Manifests,
    Object,
    Pod,
    reference,
    selects,
    within,
)

_INSTANCE, _PART_OF = "app.kubernetes.io/instance", "app.kubernetes.io/part-of"
# Not made by the manifests: every cluster has them.
BUILT_IN_CLASSES = {"system-cluster-critical", "system-node-critical"}
BUILT_IN_ROLES = {"view"}
# Made by hand, as docs/kubernetes.md says, since only their owner knows what is in them.
GIVEN_SECRETS: Mapping[str, set[str]] = {}
# A certificate's secret, by the controller that fills it.
TLS_KEYS = {"tls.crt", "tls.key", "ca.crt"}
MASTER = {"master.json"}
# Labels of pods that no manifest here makes: CronJobs to come, and what operators run.
MADE_BY_OTHERS: tuple[dict[str, str], ...] = (
    {NAME: "housekeeping"},
    {"acme.cert-manager.io/http01-solver": "true"},
    *(
        {NAME: name, _INSTANCE: "mysql", _PART_OF: "percona-server"}
        for name in ("haproxy", "mysql", "xtrabackup")
    ),
)
_ADDRESS = re.compile(r"(?:https?://|redis://|@|^|[\s=\"'\[,])([a-z][a-z0-9.-]*):(\d{2,5})\b")
_SELF = {"localhost", "0.0.0.0"}


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


def configuration_exists_with_its_keys(shop: Manifests) -> Iterator[str]:
    """Of each ConfigMap and Secret that a pod mounts or takes variables from."""
    for pod in shop.pods:
        for kind, name, keys in _named_by(pod):
            known = _keys(shop, pod.namespace, kind, name)
            if known is None:
                yield f"{pod.reference} names {kind} {name}, which nobody makes"
            elif missing := sorted(keys - known):
                yield f"{pod.reference} takes {missing} of {kind} {name}, which has no such key"


def files_of_secrets_are_there(shop: Manifests) -> Iterator[str]:
    """Each path beneath /run/secrets that a container is told is in what it mounts there."""
    for pod in shop.pods:
        for container in pod.containers:
            mounted = _files_mounted(shop, pod, container.mounts)
            told = " ".join([*shop.environment(pod, container).values(), *container.words])
            for name in re.findall(r"/run/secrets/([\w.-]+)", told):
                if name not in mounted:
                    yield f"{pod.reference} reads /run/secrets/{name}, which is not mounted"


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


def _pods(shop: Manifests, one: Object, selector: Mapping[str, Any]) -> list[Pod]:
    return shop.pods_of(selector, one["metadata"].get("namespace", ""))


def _named_by(pod: Pod) -> Iterator[tuple[str, str, set[str]]]:
    for volume in pod.volumes.values():
        yield from _sources(volume)
        for source in within(volume, "projected", "sources", default=[]):
            yield from _sources(source)
    for container in pod.containers:
        for variable in container.described.get("env", ()):
            for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if found := within(variable, "valueFrom", key):
                    yield kind, found["name"], {found["key"]}
        for source in container.described.get("envFrom", ()):
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if found := source.get(key):
                    yield kind, found["name"], set()


def _sources(volume: Object) -> Iterator[tuple[str, str, set[str]]]:
    for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
        if found := volume.get(key):
            name = found.get("name", found.get("secretName"))
            yield kind, name, {item["key"] for item in found.get("items", ())}


def _keys(shop: Manifests, namespace: str, kind: str, name: str) -> set[str] | None:
    if kind == "ConfigMap":
        # Kubernetes puts this one into every namespace.
        if name == "kube-root-ca.crt":
            return {"ca.crt"}
        found = shop.find(kind, name, namespace)
        return None if found is None else {*found.get("data", {}), *found.get("binaryData", {})}
    return secrets_made(shop).get(name)


def secrets_made(shop: Manifests) -> dict[str, set[str]]:
    """Name → keys of each Secret that the shop's Job, an operator or a person makes."""
    made = dict(GIVEN_SECRETS)
    readers = {f"secrets-{one.name}": set(one.files) for one in READERS}
    if any(pod.name == "bootstrap-secrets" for pod in shop.pods):
        made |= readers
        made["secrets-master"] = MASTER
    for one in shop.of("Certificate"):
        made[one["spec"]["secretName"]] = TLS_KEYS
    for one in shop.of("PerconaServerMySQL"):
        # A password for each of the operator's users.
        made[one["spec"]["secretsName"]] = {"root"}
    for one in shop.of("ExternalSecret"):
        target = within(one, "spec", "target", "name", default=one["metadata"]["name"])
        made[target] = {
            *within(one, "spec", "target", "template", "data", default={}),
            *(each["secretKey"] for each in one["spec"].get("data", ())),
            # Whole JSON objects, which hold what the Job would make.
            *(readers.get(target, ()) if "dataFrom" in one["spec"] else ()),
        }
    return made


def _files_mounted(shop: Manifests, pod: Pod, mounts: list[Object]) -> set[str]:
    files: set[str] = set()
    for mount in mounts:
        if not mount["mountPath"].startswith("/run/secrets"):
            continue
        if "subPath" in mount:
            files.add(mount["mountPath"].removeprefix("/run/secrets/"))
            continue
        for _, name, keys in _sources(pod.volumes.get(mount["name"], {})):
            files |= keys or _keys(shop, pod.namespace, "Secret", name) or set()
    return files
