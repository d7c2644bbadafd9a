"""Volumes of a node: folders of the machine, made beforehand, one for each claim that may come."""

from pathlib import Path
from typing import Any

# More than the shop has claims.
_NUMBER = 16
# Nobody holds a folder to its size; a claim takes the smallest volume that is large enough.
_SIZE = "100Gi"


def make_volumes(folder: Path, node: str) -> list[dict[str, Any]]:
    """The objects for the API server."""
    volumes = []
    for number in range(1, _NUMBER + 1):
        path = folder / f"{number:02}"
        path.mkdir(parents=True, exist_ok=True)
        # As a provisioner's volumes are: who is not root reaches them by fsGroup.
        path.chmod(0o755)
        volumes.append(_volume(f"{node}-{number:02}", path, node))
    return volumes


def _volume(name: str, path: Path, node: str) -> dict[str, Any]:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": _SIZE},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "local",
            "local": {"path": str(path)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
