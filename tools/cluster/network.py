"""The network of a cluster: a bridge in the control plane's namespace, nodes as its neighbours,
a static route for the pods of each. No interface of the machine takes part."""

from collections.abc import Sequence

from tools.cluster.namespaces import Namespaces
from tools.cluster.processes import run

CONTROL_PLANE_ADDRESS = "172.30.0.1"
CLUSTER_RANGE = "10.244.0.0/16"
DNS_ADDRESS = "10.96.0.10"
_PREFIX = "/24"


def node_address(number: int) -> str:
    """Nodes are numbered from 1."""
    return f"172.30.0.{10 + number}"


def pod_range(number: int) -> str:
    return f"10.244.{number}.0/24"


def create_bridge(control_plane: Namespaces) -> None:
    if "br0" in control_plane.run("ip", "-br", "link"):
        return
    control_plane.run("ip", "link", "add", "br0", "type", "bridge")
    control_plane.run("ip", "addr", "add", CONTROL_PLANE_ADDRESS + _PREFIX, "dev", "br0")
    control_plane.run("ip", "link", "set", "br0", "up")


def connect(control_plane: Namespaces, nodes: Sequence[Namespaces]) -> None:
    """Plug in those nodes that are not yet, and tell everybody where whose pods are."""
    everybody = [control_plane, *nodes]
    for number, node in enumerate(nodes, 1):
        if "eth0" in node.run("ip", "-br", "link"):
            continue
        here = f"node{number}"
        pair = ["ip", "link", "add", here, "type", "veth", "peer", "name", "eth0"]
        # The other end is made in the node's namespace at once.
        control_plane.run(*pair, "netns", str(node.pid))
        control_plane.run("ip", "link", "set", here, "master", "br0", "up")
        node.run("ip", "addr", "add", node_address(number) + _PREFIX, "dev", "eth0")
        node.run("ip", "link", "set", "eth0", "up")
        node.run("ip", "route", "add", "default", "via", CONTROL_PLANE_ADDRESS)
    for number, node in enumerate(nodes, 1):
        for one in everybody:
            if one is not node:
                way = ["via", node_address(number)]
                run(one.command("ip", "route", "replace", pod_range(number), *way))
