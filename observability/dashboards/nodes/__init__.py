"""Machines and containers: who uses what, and how much room there is. The same in Docker and in
Kubernetes, where a node is an instance and a pod a name."""

from observability.dashboards.layout import dashboard
from observability.dashboards.nodes.containers import CONTAINERS
from observability.dashboards.nodes.machines import NODES
from observability.dashboards.panels import Json


def nodes() -> Json:
    return dashboard(
        "arloji-nodes",
        "Nodes and containers",
        "Who uses CPU, memory, disk and network, and how much room there is.",
        [NODES, CONTAINERS],
        since="now-1h",
    )
