"""A cluster of real nodes on one machine, that nothing else on it notices: its network leads
nowhere but through two sockets on loopback, one for kubectl and one for the shop."""

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tools.cluster import images
from tools.cluster.control_plane import ADMINISTRATORS, ControlPlane, Options, program
from tools.cluster.forward import listen
from tools.cluster.metrics_server import start_metrics_server
from tools.cluster.namespaces import Namespaces
from tools.cluster.network import CONTROL_PLANE_ADDRESS, connect, create_bridge, node_address
from tools.cluster.node import Node
from tools.cluster.pki import write_kubeconfig
from tools.cluster.process_group import ProcessGroup, stop_recorded
from tools.cluster.processes import ClusterFailed, Daemon, run, wait_until
from tools.cluster.volumes import make_volumes

ROOT = Path(__file__).parents[2]
PROGRAMS = (
    *("kubectl", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"),
    *("kubelet", "kube-proxy", "coredns", "kube-network-policies", "metrics-server"),
)
_ADDONS = Path(__file__).parent / "addons"
# Where overlays let the shop's edge be reached on every node, and its port on this machine.
SHOP_NODE_PORT = 30080
# More than that are of no use on one machine.
_MOST_NODES = 3
_DNS_IMAGE = "arloji/coredns:local"
# The port of kubeadm's clusters, which is among those that network policies let pods reach.
_API_PORT = 6443
_API_SERVER = (
    f"--advertise-address={CONTROL_PLANE_ADDRESS}",
    # Pods find it behind the Service `kubernetes`.
    "--endpoint-reconciler-type=lease",
    # It has no kube-proxy beside it: to what extends it, it goes straight to the pods.
    "--enable-aggregator-routing=true",
)


class RealCluster:
    def __init__(self, name: str = "dev", nodes: int = 1) -> None:
        self.name = name
        self.folder = Path(tempfile.gettempdir()) / f"arloji-cluster-{name}"
        self.kubeconfig = self.folder / "kubeconfig"
        self._namespaces = Namespaces(f"arloji-{name}-control", self.folder / "control")
        self._servers = self.folder / "control" / "servers"
        # If this object has started it.
        self._control_plane: ControlPlane | None = None
        self._forward = Daemon("forward", self.folder / "control")
        self.nodes = [Node(name, self.folder, number) for number in range(1, nodes + 1)]

    @property
    def is_running(self) -> bool:
        """Ready and whole."""
        parts = [part for node in self.nodes for part in node.daemons]
        if not self._forward.is_running or not all(part.is_running for part in parts):
            return False
        try:
            return self.kubectl("get", "--raw", "/readyz").strip() == "ok"
        except ClusterFailed:
            return False

    def start(self, overlay: Path | None = None) -> None:
        """Returns when the nodes are ready and have the images of the overlay. One that runs and is
        well stays; what is left of another is removed first."""
        if not self.is_running:
            self.stop()
            try:
                self._start()
            except BaseException:
                self.stop()
                raise
        if overlay is not None:
            self.load_images(overlay)

    def _start(self) -> None:
        self.folder.mkdir(mode=0o700)
        self._namespaces.create()
        create_bridge(self._namespaces)
        for node in self.nodes:
            node.create()
        connect(self._namespaces, [node.namespaces for node in self.nodes])
        control_plane = self._start_control_plane()
        for node in self.nodes:
            node.start_runtime()
            dns = program("coredns")
            images.load_program(node.runtime, _DNS_IMAGE, dns, [f"/{dns.name}"])
            node.join(control_plane)
        self._forward_to(control_plane)
        self._add(control_plane)

    def _start_control_plane(self) -> ControlPlane:
        network = Path(f"/proc/{self._namespaces.pid}/ns/net")
        group = ProcessGroup(self._servers, network=network, detached=True)
        options = Options(CONTROL_PLANE_ADDRESS, _API_PORT, {"kube-apiserver": _API_SERVER})
        control_plane = self._control_plane = ControlPlane(group, options)
        control_plane.start()
        return control_plane

    def _forward_to(self, control_plane: ControlPlane) -> None:
        """What is listened to here is connected there."""
        with listen(0) as api, listen(self._shop_port()) as shop:
            targets = {
                api: control_plane.server.removeprefix("https://"),
                shop: f"{node_address(1)}:{SHOP_NODE_PORT}",
            }
            ways = [f"{listener.fileno()}={target}" for listener, target in targets.items()]
            command = [sys.executable, "-m", "tools.cluster.forward", *ways]
            self._forward.start(
                ["nsenter", f"--net=/proc/{self._namespaces.pid}/ns/net", *command],
                {"PYTHONPATH": str(ROOT)},
                cgroup=self._namespaces.cgroup.daemons,
                pass_fds=[listener.fileno() for listener in targets],
            )
            port = {"api": api.getsockname()[1], "shop": shop.getsockname()[1]}
        (self.folder / "ports.json").write_text(json.dumps(port))
        administrator = control_plane.authority.issue("human", "administrator", (ADMINISTRATORS,))
        server = f"https://127.0.0.1:{port['api']}"
        write_kubeconfig(self.kubeconfig, server, control_plane.authority.files, administrator)

    def _shop_port(self) -> int:
        """The same for a developer each time; any for tests, which may run beside."""
        return SHOP_NODE_PORT if self.name == "dev" else 0

    @property
    def shop_url(self) -> str:
        """Of the edge of an overlay that puts it on the node port."""
        return f"http://127.0.0.1:{json.loads((self.folder / 'ports.json').read_text())['shop']}"

    def _add(self, control_plane: ControlPlane) -> None:
        """Names, storage and policies: what every cluster has before anybody uses it."""
        for file in sorted(_ADDONS.glob("*.yaml")):
            self.kubectl("apply", "--filename", str(file))
        volumes = [
            volume
            for node in self.nodes
            for volume in make_volumes(node.folder / "volumes", node.name)
        ]
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": volumes})
        self.kubectl("apply", "--filename=-", stdin=document)
        account = ("create", "token", "network-policies", "--namespace=kube-system")
        token = self.kubectl(*account, "--duration=8760h")
        for node in self.nodes:
            node.enforce_policies(control_plane, token)
        wait_until(lambda: self._ready_nodes() == len(self.nodes), "nodes are ready")
        rollout = ("rollout", "status", "deployment/coredns", "--namespace=kube-system")
        self.kubectl(*rollout, "--timeout=120s")

    def measure(self) -> None:
        """Start what tells autoscalers how much containers use; until then they leave replicas
        alone. For a cluster that this object has started."""
        if self._control_plane is None:
            raise ClusterFailed("a metrics server is started with its cluster: stop it first")
        start_metrics_server(self._control_plane)

    def _ready_nodes(self) -> int:
        listed = json.loads(self.kubectl("get", "nodes", "--output=json"))["items"]
        conditions = (one for node in listed for one in node["status"].get("conditions", ()))
        return sum(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """As from any terminal of this machine: through the socket."""
        kubectl: list[str | Path] = [program("kubectl"), f"--kubeconfig={self.kubeconfig}"]
        return run([*kubectl, *arguments], stdin=stdin)

    def load_images(self, overlay: Path) -> None:
        """Those that it names, under these names, on every node."""
        rendered = self.render(overlay)
        for node in self.nodes:
            images.load(node.runtime, images.images_in(rendered))

    def name_again(self, release: str, name: str) -> None:
        """The shop's images of a release under the tag of another, on every node."""
        for node in self.nodes:
            images.name_again(node.runtime, release, name)

    @staticmethod
    def render(overlay: Path) -> Sequence[Any]:
        kustomize: list[str | Path] = [program("kubectl"), "kustomize", overlay]
        return list(yaml.safe_load_all(run(kustomize)))

    def stop(self) -> None:
        """Nothing of it is left but the images; also after a crash."""
        for number in range(1, _MOST_NODES + 1):
            Node(self.name, self.folder, number).stop()
        if self._control_plane is not None:
            self._control_plane.processes.stop()
            self._control_plane = None
        stop_recorded(self._servers)
        self._namespaces.destroy()
        shutil.rmtree(self.folder, ignore_errors=True)
