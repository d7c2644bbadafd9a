"""What only a cluster has. A module a row."""

from observability.dashboards.kubernetes.logs import AGENTS
from observability.dashboards.kubernetes.nodes import NODES
from observability.dashboards.kubernetes.pods import PODS
from observability.dashboards.kubernetes.scaling import SCALING
from observability.dashboards.panels import Json, dashboard


def kubernetes() -> Json:
    return dashboard(
        "arloji-kubernetes",
        "Kubernetes",
        "Pods, autoscalers, budgets, nodes and claims. Empty where the shop runs in Docker.",
        [PODS, SCALING, NODES, AGENTS],
        since="now-1h",
    )
