"""One real node: containerd, kubelet, kube-proxy and enforced network policies, in namespaces and a
cgroup of its own."""

import shutil
from pathlib import Path

from tools.cluster.containerd import Containerd
from tools.cluster.control_plane import ControlPlane, program
from tools.cluster.images import load_pause
from tools.cluster.kube_proxy import KubeProxy
from tools.cluster.kubelet import Credentials, Kubelet
from tools.cluster.namespaces import Namespaces
from tools.cluster.network import node_address, pod_range
from tools.cluster.network_policies import NetworkPolicies
from tools.cluster.processes import Daemon
from tools.go_programs.build import cache_folder


class Node:
    def __init__(self, cluster: str, folder: Path, number: int) -> None:
        """Nodes are numbered from 1; each has a zone of its own."""
        self.number, self.name, self.zone = number, f"node{number}", f"zone{number}"
        self.folder = folder / self.name
        self.namespaces = Namespaces(f"arloji-{cluster}-{self.name}", self.folder)
        self.runtime = Containerd(
            self.namespaces, cache_folder() / "cluster" / f"images-{cluster}-{self.name}"
        )
        self.kubelet = Kubelet(self.namespaces, number, self.name, self.zone)
        self.proxy = KubeProxy(self.namespaces, self.name)
        self.policies = NetworkPolicies(self.namespaces, self.name)

    @property
    def daemons(self) -> list[Daemon]:
        return [self.runtime.daemon, self.kubelet.daemon, self.proxy.daemon, self.policies.daemon]

    def create(self) -> None:
        self.namespaces.create()
        self.namespaces.hide_sysctls()

    def start_runtime(self) -> None:
        """Needs no Kubernetes; images can be loaded from then on."""
        self.runtime.start(pod_range(self.number))
        load_pause(self.runtime)

    def join(self, control_plane: ControlPlane) -> None:
        """Start what makes it a node of this cluster."""
        user, groups = f"system:node:{self.name}", ("system:nodes",)
        hosts = (self.name, node_address(self.number))
        serving = control_plane.authority.issue(f"{self.name}-serving", user, groups, hosts)
        credentials = Credentials(
            control_plane.kubeconfig_of(self.name, user, groups),
            serving,
            control_plane.authority.files.certificate,
        )
        self.kubelet.start(program("kubelet"), credentials, self.runtime)
        proxy = control_plane.kubeconfig_of(f"{self.name}-proxy", "system:kube-proxy")
        self.proxy.start(program("kube-proxy"), proxy)

    def enforce_policies(self, control_plane: ControlPlane, token: str) -> None:
        authority = control_plane.authority.files.certificate
        self.policies.start(
            program("kube-network-policies"), control_plane.server, token, authority
        )

    def stop(self) -> None:
        """Also after a crash of any part; images stay for the next start."""
        self.kubelet.daemon.stop()
        self.namespaces.cgroup.kill("kubepods")
        self.runtime.stop()
        self.namespaces.destroy()
        shutil.rmtree(self.folder, ignore_errors=True)
