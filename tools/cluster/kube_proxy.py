"""kube-proxy of one node: Services by iptables, which Docker's package brings along."""

import json
from pathlib import Path

from tools.cluster.namespaces import Namespaces
from tools.cluster.network import CLUSTER_RANGE
from tools.cluster.processes import Daemon


class KubeProxy:
    def __init__(self, node: Namespaces, name: str) -> None:
        self.daemon = Daemon("kube-proxy", node.folder)
        self._node, self._name = node, name

    def start(self, program: Path, kubeconfig: Path) -> None:
        file = self._node.folder / "kube-proxy.json"
        configuration = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            "hostnameOverride": self._name,
            "mode": "iptables",
            "detectLocalMode": "ClusterCIDR",
            "clusterCIDR": CLUSTER_RANGE,
            # These are the machine's own, and not to be written.
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
            # Needs a capability that a container in CI lacks.
            "oomScoreAdj": 0,
        }
        file.write_text(json.dumps(configuration, indent=1))
        self._node.start(self.daemon, [program, f"--config={file}"])
