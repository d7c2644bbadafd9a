"""The kubelet of one node: it sees the machine as it is, and changes nothing outside its
namespaces and its cgroup."""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools.cluster.containerd import Containerd
from tools.cluster.namespaces import Namespaces
from tools.cluster.network import DNS_ADDRESS, node_address
from tools.cluster.pki import KeyPair
from tools.cluster.processes import Daemon

_FOR_EVERY_NODE = Path(__file__).parents[2] / "k8s" / "nodes" / "kubelet.yaml"
_NO_STRANGERS = {"anonymous": {"enabled": False}, "webhook": {"enabled": True}}
# The disk is the machine's: a node that evicts because others fill it helps nobody.
_EVICT_BELOW = {
    "memory.available": "100Mi",
    **dict.fromkeys(("nodefs.available", "nodefs.inodesFree", "imagefs.available"), "1%"),
}


@dataclass(frozen=True)
class Credentials:
    """Its way to the API server, what it serves with, and who signs its clients."""

    kubeconfig: Path
    serving: KeyPair
    client_ca: Path


class Kubelet:
    def __init__(self, node: Namespaces, number: int, name: str, zone: str) -> None:
        self.daemon = Daemon("kubelet", node.folder)
        self._node, self._number, self._name, self._zone = node, number, name, zone

    def start(self, program: Path, credentials: Credentials, runtime: Containerd) -> None:
        folder = self._node.folder
        self._mount_folders()
        configuration = folder / "kubelet.json"
        configuration.write_text(json.dumps(self._configuration(credentials, runtime), indent=1))
        command: list[str | Path] = [
            program,
            f"--config={configuration}",
            f"--kubeconfig={credentials.kubeconfig}",
            f"--root-dir={folder / 'kubelet'}",
            f"--cert-dir={folder / 'kubelet-pki'}",
            f"--hostname-override={self._name}",
            f"--node-ip={node_address(self._number)}",
            f"--node-labels=topology.kubernetes.io/zone={self._zone},"
            "topology.kubernetes.io/region=here",
        ]
        self._node.start(self.daemon, command)

    def _mount_folders(self) -> None:
        """Log agents look for the logs of pods where every kubelet keeps them, and CNI keeps its
        results where they cannot be told otherwise."""
        folder = self._node.folder
        for name in ("log", "lib", "lib-work"):
            (folder / "var" / name).mkdir(parents=True, exist_ok=True)
        if "/var/lib overlay" in self._node.run("cat", "/proc/mounts"):
            return
        self._node.run("mount", "--bind", str(folder / "var/log"), "/var/log")
        layers = f"lowerdir=/var/lib,upperdir={folder}/var/lib,workdir={folder}/var/lib-work"
        self._node.run("mount", "-t", "overlay", "-o", layers, "overlay", "/var/lib")

    def _configuration(self, credentials: Credentials, runtime: Containerd) -> dict[str, object]:
        no_servers = self._node.folder / "resolv.conf"
        no_servers.touch()
        return {
            "authentication": {
                **_NO_STRANGERS,
                "x509": {"clientCAFile": str(credentials.client_ca)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(credentials.serving.certificate),
            "tlsPrivateKeyFile": str(credentials.serving.key),
            "containerRuntimeEndpoint": f"unix://{runtime.socket}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._node.cgroup.name}",
            "enforceNodeAllocatable": ["pods"],
            "failCgroupV1": False,
            "failSwapOn": False,
            "makeIPTablesUtilChains": False,
            "clusterDomain": "cluster.local",
            "clusterDNS": [DNS_ADDRESS],
            "resolvConf": str(no_servers),
            "volumePluginDir": str(self._node.folder / "volume-plugins"),
            **yaml.safe_load(_FOR_EVERY_NODE.read_text(encoding="utf-8")),
            # But for this: how full the disk is, is others' doing, and no registry would have an
            # image again.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": _EVICT_BELOW,
            # Changed ConfigMaps and Secrets reach their files soon.
            "syncFrequency": "10s",
        }
