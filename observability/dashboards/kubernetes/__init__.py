"""What only a cluster has. A module a row."""

from observability.dashboards.kubernetes.claims import CLAIMS
from observability.dashboards.kubernetes.logs import AGENTS
from observability.dashboards.kubernetes.pods import PODS
from observability.dashboards.kubernetes.scaling import SCALING
from observability.dashboards.layout import dashboard
from observability.dashboards.panels import Json


def kubernetes() -> Json:
    return dashboard(
        "arloji-kubernetes",
        "Kubernetes",
        "Pods, autoscalers, budgets and claims. Empty where the shop runs in Docker.",
        [PODS, SCALING, CLAIMS, AGENTS],
        since="now-1h",
    )
