"""Files and secrets are where their readers are, and nowhere else."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import Pod, within
from tests.conformance.kubernetes.rendering import ROOT

# Folders that compose mounts, and what of them has no reader in a cluster.
SHARED = ("ingress", "stores", "observability")
_NOT_IN_CLUSTER: Mapping[str, str] = {
    "observability/alert-tests": "tests the rules",
    **dict.fromkeys(
        (f"observability/{one}" for one in ("__init__.py", "dashboards", "plots")),
        "writes and draws what is in grafana/dashboards",
    ),
    "observability/docker-proxy": "is between cAdvisor and Docker",
    "observability/grafana/Dockerfile": "builds Grafana's image",
    "observability/textfile": "is of Docker's host",
    "observability/compose.yaml": "is compose's",
    "observability/collector/compose.yaml": "is compose's",
    "observability/scrape/compose.yaml": "is compose's",
    "observability/alerts/compose.yaml": "is compose's",
}
# Settings that several must agree on, rather than files of one program.
_READ_BY_MANY: Mapping[str, set[str]] = {
    "service-environment": {"frontend", "api-gw", "service-http", "publisher", "consumer"},
    "shop-environment": {"frontend", "ingress"},
    "load": {"load", "load-worker"},
    "backup-s3": {"backup", "archive-logs", "drill"},
}
# Reader of bootstrap/credentials.py → containers, where they are not of the same name.
_CONTAINERS_OF: Mapping[str, set[str]] = {
    # Both are MySQL's administrator.
    "accounts": {"accounts", "rights"},
    "migrate": {"schema", "restore"},
    # Each by the files that its command reads.
    "housekeeping": {"backup", "archive-logs", "restore"}
    | {"purge-orders", "purge-audit", "reconcile"},
    # The private key to encrypted backups: who makes them does without.
    "backup-identity": {"drill", "restore"},
    # Beside MySQL itself, what makes that administrator where an operator runs MySQL.
    "mysql": {"mysql", "administrator"},
}


def shared_files_are_in_the_cluster(shop: Manifests) -> Iterator[str]:
    """Byte by byte: nobody edits a copy."""
    told = {text for one in shop.of("ConfigMap") for text in one.get("data", {}).values()}
    for path in _shared_files(shop):
        if path.read_text(encoding="utf-8") not in told:
            yield f"{path.relative_to(ROOT)} is in no ConfigMap"


def _shared_files(shop: Manifests) -> Iterator[Path]:
    folders = [one for one in SHARED if one != "ingress" or "nginx-edge" in shop.components]
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            left_out = "__pycache__" in path.parts or any(
                name == one or name.startswith(f"{one}/") for one in _NOT_IN_CLUSTER
            )
            gone = path.stem in {"mysql", "mysql-start"} and "mysql-percona" in shop.components
            if path.is_file() and path.name != "kustomization.yaml" and not left_out and not gone:
                yield path


def files_are_mounted_by_their_reader_alone(shop: Manifests) -> Iterator[str]:
    """Or a change would roll whoever has nothing to do with it."""
    readers: dict[str, set[str]] = {}
    for pod in shop.pods:
        for name in _config_maps_of(pod):
            readers.setdefault(name, set()).add(pod.name)
    for name, found in readers.items():
        plain = name if name in _READ_BY_MANY else name.rpartition("-")[0]
        if len(found) > 1 and found != _READ_BY_MANY.get(plain):
            yield f"ConfigMap/{name} is read by {sorted(found)}"


def _config_maps_of(pod: Pod) -> Iterator[str]:
    for volume in pod.volumes.values():
        for source in [volume, *within(volume, "projected", "sources", default=[])]:
            if name := within(source, "configMap", "name"):
                yield name
    for container in pod.containers:
        for source in container.described.get("envFrom", ()):
            if name := within(source, "configMapRef", "name"):
                yield name


def a_secret_has_one_reader(shop: Manifests) -> Iterator[str]:
    for pod in shop.pods:
        names = {
            volume["name"]: within(volume, "secret", "secretName")
            for volume in pod.volumes.values()
            if "secret" in volume
        }
        for container in pod.containers:
            mounted = [names[one["name"]] for one in container.mounts if one["name"] in names]
            given = [
                within(one, "valueFrom", "secretKeyRef", "name")
                for one in container.described.get("env", ())
            ]
            for secret in {*mounted, *given} - {None}:
                reader = str(secret).removeprefix("secrets-")
                wanted = _CONTAINERS_OF.get(reader, {reader})
                known = str(secret).startswith("secrets-") or reader in _CONTAINERS_OF
                if known and container.name not in wanted:
                    yield f"{pod.reference}/{container.name} reads {secret}"


def secrets_are_mounted_closed(shop: Manifests) -> Iterator[str]:
    for pod in shop.pods:
        closed = set()
        for volume in pod.volumes.values():
            if "secret" not in volume:
                continue
            closed.add(volume["name"])
            # For the owner and the pod's group, which is its user's own.
            if within(volume, "secret", "defaultMode") not in (0o400, 0o440):
                yield f"{pod.reference}: anybody may read {volume['secret']['secretName']}"
        for container in pod.containers:
            for mount in container.mounts:
                if mount["name"] in closed and not mount.get("readOnly"):
                    yield f"{pod.reference}/{container.name} could write to its secrets"


def files_stay_current(shop: Manifests) -> Iterator[str]:
    """A file mounted by `subPath` never changes, whatever becomes of its ConfigMap."""
    for pod in shop.pods:
        for container in pod.containers:
            for mount in container.mounts:
                if "subPath" in mount:
                    yield f"{pod.reference} mounts a part of {mount['name']}"
