"""ConfigMaps and Secrets are there, with the keys that their readers name."""

import re
from collections.abc import Iterator

from bootstrap.credentials import READERS
from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import Object, Pod, within

# A certificate's secret, by the controller that fills it.
TLS_KEYS = {"tls.crt", "tls.key", "ca.crt"}
MASTER = {"master.json"}
# By a person, who has the bucket.
BUCKET = {"access_key_id", "secret_access_key"}
# By a person, who has the key to the backups.
IDENTITY = {"identity"}


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
    """Each path beneath /run/secrets, and folders named like it, that a container is told is in
    what it mounts there."""
    for pod in shop.pods:
        for container in pod.containers:
            mounted = _files_mounted(shop, pod, container.mounts)
            told = " ".join([*shop.environment(pod, container).values(), *container.words])
            for path in re.findall(r"/run/secrets[\w-]*/[\w.-]+", told):
                if path not in mounted:
                    yield f"{pod.reference} reads {path}, which is not mounted"


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
    return _secrets_made(shop).get(name)


def _secrets_made(shop: Manifests) -> dict[str, set[str]]:
    """Name → keys of each Secret that the shop's Job, an operator or a person makes."""
    made: dict[str, set[str]] = {}
    if "backup-s3" in shop.components:
        made["backup-s3"] = BUCKET
    if "backup-encryption" in shop.components:
        made["backup-identity"] = IDENTITY
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
            files.add(mount["mountPath"])
            continue
        for _, name, keys in _sources(pod.volumes.get(mount["name"], {})):
            found = keys or _keys(shop, pod.namespace, "Secret", name) or set()
            files |= {f"{mount['mountPath']}/{one}" for one in found}
    return files
