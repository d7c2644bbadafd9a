"""Nodes that only pretend: kwok says of their pods that they run, at once and without any image.
What is scheduled, evicted, scaled and replaced is real; what a container would do is not."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local.free_port import free_port
from tools.cluster.control_plane import ADMINISTRATORS, ControlPlane, program
from tools.cluster.process_group import ProcessGroup
from tools.go_programs.build import sources_of

ZONES = ("zone-a", "zone-b", "zone-c")
FAKE = "kwok.x-k8s.io/node"
# From kwok's own sources: what happens to nodes, pods and claims, and what is measured of them.
_BEHAVIOUR = (
    "stage/node/fast/node-initialize.yaml",
    "stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "stage/pod/fast/pod-ready.yaml",
    "stage/pod/fast/pod-complete.yaml",
    "stage/pod/fast/pod-delete.yaml",
    "stage/volume/fast/pv-bind.yaml",
    "stage/volume/fast/pv-delete.yaml",
    "stage/volume/fast/pvc-delete.yaml",
    "stage/volume/fast/pvc-provision.yaml",
    "metrics/resource/metrics-resource.yaml",
)
_STORAGE_CLASS, _CLASS = "stage/volume/fast/storage-class.yaml", "kwok-volume"
_USAGE_DEFINITION = "crd/bases/kwok.x-k8s.io_clusterresourceusages.yaml"
# Long enough that a budget or a rollout would be seen to break, short enough for tests.
_DELAYED, _START_MILLISECONDS = {"pod-ready.yaml", "pod-complete.yaml"}, 800
# As small as the machines that the overlays are sized for.
_CAPACITY = {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "50Gi", "pods": "110"}

_IDLE = {"cpu": "10m", "memory": "32Mi"}
_NAME_LABEL = "app.kubernetes.io/name"


class FakeNodes:
    """`nodes_per_zone` in each of `ZONES`, and claims that are bound whatever they ask for."""

    def __init__(
        self, control_plane: ControlPlane, processes: ProcessGroup, nodes_per_zone: int = 2
    ) -> None:
        self._control_plane, self._processes = control_plane, processes
        self._port = free_port()
        self.names = {
            zone: [f"{zone}-{number}" for number in range(1, nodes_per_zone + 1)] for zone in ZONES
        }

    def start(self) -> None:
        """Returns once every node is ready."""
        sources = sources_of("kwok", "sigs.k8s.io/kwok") / "kustomize"
        definition, storage = sources / _USAGE_DEFINITION, sources / _STORAGE_CLASS
        self._control_plane.kubectl("apply", f"--filename={definition}", f"--filename={storage}")
        self._control_plane.kubectl(
            *("wait", "--for=condition=Established", "--timeout=60s", f"--filename={definition}")
        )
        names = [name for zone in self.names.values() for name in zone]
        nodes = [self._node(number, name) for number, name in enumerate(names)]
        self._control_plane.kubectl("apply", "--filename=-", content=_as_list(nodes))
        self._start_kwok(sources)
        self._control_plane.kubectl(
            *("wait", "--for=condition=Ready", "--timeout=60s", "nodes", "--all")
        )

    def zone_of(self, node: str) -> str:
        return next(zone for zone, names in self.names.items() if node in names)

    def _node(self, number: int, name: str) -> dict[str, Any]:
        labels = {
            **{"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": self.zone_of(name)},
            **{"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"},
        }
        path = f"/metrics/nodes/{name}/metrics/resource"
        annotations = {FAKE: "fake", "metrics.k8s.io/resource-metrics-path": path}
        return {
            **{"apiVersion": "v1", "kind": "Node"},
            "metadata": {"name": name, "labels": labels, "annotations": annotations},
            "spec": {"podCIDR": f"10.244.{number}.0/24", "podCIDRs": [f"10.244.{number}.0/24"]},
            "status": {"allocatable": _CAPACITY, "capacity": _CAPACITY},
        }

    def set_usage(self, cpu: str = _IDLE["cpu"], name: str = "") -> None:
        """What each container of the pods with this name (by `app.kubernetes.io/name`) is measured
        to use from now on; all others are idle."""
        label = f'"{_NAME_LABEL}"'
        chosen = f'{label} in pod.metadata.labels && pod.metadata.labels[{label}] == "{name}"'
        expression = f'{chosen} ? Quantity("{cpu}") : Quantity("{_IDLE["cpu"]}")'
        usage = {"cpu": {"expression": expression}, "memory": {"value": _IDLE["memory"]}}
        content = {
            **{"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "ClusterResourceUsage"},
            **{"metadata": {"name": "everywhere"}, "spec": {"usages": [{"usage": usage}]}},
        }
        self._control_plane.kubectl("apply", "--filename=-", content=json.dumps(content))

    def let_claims_grow(self, allowed: bool) -> None:
        """Whether their class lets them ask for more than they have; by default it does not."""
        patch = json.dumps({"allowVolumeExpansion": allowed})
        self._control_plane.kubectl("patch", "storageclass", _CLASS, f"--patch={patch}")

    def _start_kwok(self, sources: Path) -> None:
        configuration = self._processes.folder / "kwok.yaml"
        documents = [json.dumps(_OPTIONS), *(_behaviour(sources / name) for name in _BEHAVIOUR)]
        configuration.write_text("\n---\n".join(documents), encoding="utf-8")
        kubeconfig = self._control_plane.kubeconfig_of("kwok", "kwok", (ADMINISTRATORS,))
        serving = self._control_plane.authority.issue("kwok-server", "kwok", hosts=("127.0.0.1",))
        command: list[str | Path] = [
            *(program("kwok"), f"--kubeconfig={kubeconfig}", f"--config={configuration}"),
            *("--manage-all-nodes=false", f"--manage-nodes-with-annotation-selector={FAKE}=fake"),
            *("--node-ip=127.0.0.1", f"--node-port={self._port}"),
            f"--server-address=127.0.0.1:{self._port}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            "--enable-crds=ClusterResourceUsage",
        ]
        self._processes.start("kwok", command)


_OPTIONS = {
    **{"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration"},
    # Zero, its default without its own launcher, is nobody who does the work.
    "options": {
        **{"podPlayStageParallelism": 4, "nodePlayStageParallelism": 4, "nodeLeaseParallelism": 4},
        **{"nodeLeaseDurationSeconds": 40, "podsOnNodeSyncParallelism": 4},
    },
}


def _behaviour(file: Path) -> str:
    content = file.read_text(encoding="utf-8")
    if file.name not in _DELAYED:
        return content
    before, found, after = content.partition("\n  next:\n")
    assert found, f"{file} is not the stage that it was"
    return f"{before}\n  delay: {{durationMilliseconds: {_START_MILLISECONDS}}}{found}{after}"


def _as_list(items: Sequence[Any]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
