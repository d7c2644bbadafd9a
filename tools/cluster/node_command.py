"""The command `node`: a Kubernetes cluster of real nodes here, as `make cluster` starts it. Needs
root, Linux, and containerd with runc (Debian's docker.io)."""

import argparse
import os
from pathlib import Path

from tools.cluster.control_plane import program
from tools.cluster.images import build_own, docker_answers
from tools.cluster.processes import ClusterFailed
from tools.cluster.real import PROGRAMS, ROOT, RealCluster

_OVERLAY = ROOT / "tests/cluster/overlay"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    node = commands.add_parser("node", help="a cluster of real nodes")
    node.add_argument("action", choices=["start", "stop", "status"])
    node.add_argument("--nodes", type=int, default=1, choices=[1, 2, 3])
    node.add_argument(
        "--metrics", action="store_true", help="with a metrics server: autoscalers act"
    )
    node.add_argument(
        "--overlay", type=Path, default=_OVERLAY, help="whose images Docker gives to the nodes"
    )


def run_node(options: argparse.Namespace) -> int:
    if os.geteuid() != 0:
        raise ClusterFailed("namespaces, mounts and cgroups need root")
    cluster = RealCluster(nodes=options.nodes)
    if options.action == "stop":
        cluster.stop()
        print("Nothing of the cluster runs; images are kept for the next start.")
        return 0
    if options.action == "start":
        for name in PROGRAMS:
            print(f"{name}: {program(name)}", flush=True)
        if docker_answers():
            build_own(ROOT, "local")
        cluster.start(options.overlay)
        if options.metrics:
            cluster.measure()
    if not cluster.is_running:
        print("The cluster does not run: make cluster")
        return 1
    print(_what_next(cluster, options.overlay))
    return 0


def _what_next(cluster: RealCluster, overlay: Path) -> str:
    shown = overlay.relative_to(ROOT) if overlay.is_relative_to(ROOT) else overlay
    return f"""\
The cluster is ready. Next:
  export KUBECONFIG={cluster.kubeconfig} PATH="$PATH:{program("kubectl").parent}"
  kubectl apply -k {shown}
  kubectl --namespace arloji get pods --watch
Then the shop is at {cluster.shop_url}. What ends all of it: make cluster-stop"""
