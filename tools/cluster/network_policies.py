"""Network policies of one node, enforced: the first packet of each connection that the node routes
waits for the verdict of kube-network-policies. Who is not there to give one lets nothing pass.

Connections from the node itself, such as a kubelet's probes, are not asked about, as everywhere."""

from pathlib import Path
from urllib.parse import urlsplit

from tools.cluster.namespaces import Namespaces
from tools.cluster.processes import Daemon

_QUEUE = "100"
_CREDENTIALS = "/run/secrets/kubernetes.io/serviceaccount"


class NetworkPolicies:
    def __init__(self, node: Namespaces, name: str) -> None:
        self.daemon = Daemon("network-policies", node.folder)
        self._node, self._name = node, name

    def start(self, program: Path, server: str, token: str, authority: Path) -> None:
        """It knows no kubeconfig: it is given what a pod would find."""
        if self.daemon.is_running:
            return
        self._node.run("mkdir", "-p", _CREDENTIALS)
        for file, content in {
            "token": token,
            "ca.crt": authority.read_text(),
            "namespace": "kube-system",
        }.items():
            self._node.run("tee", f"{_CREDENTIALS}/{file}", stdin=content)
        address = urlsplit(server)
        environment = {
            "KUBERNETES_SERVICE_HOST": str(address.hostname),
            "KUBERNETES_SERVICE_PORT": str(address.port),
        }
        command: list[str | Path] = [
            # Elsewhere this is the kernel's work: a connection must not wait for its turn.
            *("nice", "-n", "-20"),
            program,
            f"--hostname-override={self._name}",
            f"--nfqueue-id={_QUEUE}",
            "--disable-nri=true",
        ]
        self._node.start(self.daemon, command, environment)
        self._queue_connections()

    def _queue_connections(self) -> None:
        """In the table before the one of kube-proxy, which accepts what it has redirected: the
        target is a pod there already, and the source not yet the node. The program's own rules
        need nftables' `queue`, which not every kernel has."""
        rule = ["FORWARD", "-m", "conntrack", "--ctstate", "NEW", "-j", "NFQUEUE"]
        self._node.run("iptables", "-t", "mangle", "-A", *rule, "--queue-num", _QUEUE)
