"""A store gets a larger claim by the steps of docs/kubernetes.md, where its volume can grow: here a
disk of its own, made larger by hand as a provisioner makes it. The kubelet and the file system do
the rest, under the pod that writes to it."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.shop import KubernetesShop
from tests.telemetry_stores import LogsStore
from tests.waiting import eventually
from tools.cluster.processes import run

STORE, CLAIM = "victoria-logs", "data-victoria-logs-0"
SIZE, LARGER_SIZE = "34Gi", "40Gi"
_MANIFEST, _CLASS = f"k8s/base/observability/{STORE}.yaml", "disk"
# What the file system keeps for itself.
_OVERHEAD_BYTES = 2**31
_REQUEST = '--patch={"spec": {"resources": {"requests": {"storage": "%s"}}}}'
_CAPACITY = '--patch={"spec": {"capacity": {"storage": "%s"}}}'


class Disk:
    """A block device over a sparse file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.resize(SIZE)
        self.device = run(["losetup", "--find", "--show", file]).strip()

    def resize(self, size: str) -> None:
        run(["truncate", f"--size={size.removesuffix('i')}", self._file])

    def grow(self, size: str) -> None:
        self.resize(size)
        run(["losetup", "--set-capacity", self.device])


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if shutil.which("mkfs.xfs") is None:
        pytest.skip("needs xfsprogs")
    one = Disk(tmp_path / "disk")
    yield one
    # Once nobody has it mounted any more.
    run(["losetup", "--detach", one.device])


def objects(device: str, node: str) -> str:
    """The volume and its class, of which claims may grow."""
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    storage_class = {
        **{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": _CLASS}},
        **{"provisioner": "kubernetes.io/no-provisioner", "allowVolumeExpansion": True},
    }
    volume = {
        **{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": _CLASS}},
        "spec": {
            **{"capacity": {"storage": SIZE}, "accessModes": ["ReadWriteOnce"]},
            # ext4 grows under a pod only for who has CAP_SYS_RESOURCE, which a machine of CI lacks.
            **{"storageClassName": _CLASS, "local": {"path": device, "fsType": "xfs"}},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [storage_class, volume]})


def size_of_disk(shop: KubernetesShop) -> int:
    """As the store sees it, free and used."""
    (pid, *_) = shop.processes(STORE)
    seen = os.statvfs(f"/proc/{pid}/root/storage")
    return seen.f_blocks * seen.f_frsize


def test_a_claim_grows_with_its_disk_under_the_pod(shop: KubernetesShop, disk: Disk) -> None:
    node = shop.cluster.nodes[0].name
    shop.cluster.kubectl("apply", "--filename=-", stdin=objects(disk.device, node))
    shop.kubectl("delete", "statefulset", STORE)
    shop.kubectl("delete", "persistentvolumeclaim", CLAIM)
    shop.change(_MANIFEST, "(?=accessModes)", f"storageClassName: {_CLASS}\n        ")
    shop.apply()
    shop.wait_until_settled()
    (before,) = shop.running(STORE)
    assert size_of_disk(shop) <= 34 * 2**30
    logs = LogsStore(shop.url(STORE, 9428))
    written = eventually(lambda: logs.query("_time:10m | limit 1"), seconds=60)

    shop.change(_MANIFEST, f"storage: {SIZE}", f"storage: {LARGER_SIZE}")
    shop.kubectl("delete", "statefulset", STORE, "--cascade=orphan")
    shop.kubectl("patch", "persistentvolumeclaim", CLAIM, _REQUEST % LARGER_SIZE)
    disk.grow(LARGER_SIZE)
    shop.kubectl("patch", "persistentvolume", _CLASS, _CAPACITY % LARGER_SIZE)
    shop.apply()
    shop.wait_until_settled()

    def known() -> str:
        (claim,) = shop.objects("persistentvolumeclaims", f"--field-selector=metadata.name={CLAIM}")
        return str(claim["status"]["capacity"]["storage"])

    eventually(known, lambda size: size == LARGER_SIZE, seconds=180, pause_seconds=1)
    assert size_of_disk(shop) > 40 * 2**30 - _OVERHEAD_BYTES
    assert [(one.uid, one.restarts) for one in shop.running(STORE)] == [(before.uid, 0)]
    assert logs.query(f"_time:{written[0]['_time']} _stream_id:{written[0]['_stream_id']}")
