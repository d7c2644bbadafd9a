"""What only a cluster has. A module a row."""

from tools.dashboards.kubernetes.logs import AGENTS
from tools.dashboards.kubernetes.nodes import NODES
from tools.dashboards.kubernetes.pods import PODS
from tools.dashboards.kubernetes.scaling import SCALING
from tools.dashboards.panels import Json, dashboard


def kubernetes() -> Json:
    return dashboard(
        "arloji-kubernetes",
        "Kubernetes",
        "Pods, autoscalers, budgets, nodes and claims. Empty where the shop runs in Docker.",
        [PODS, SCALING, NODES, AGENTS],
        since="now-1h",
    )
