"""How many replicas there are, may be and may be missed."""

from observability.dashboards.panels import Panel, Query, Row


def _autoscaler(title: str, description: str, metric: str) -> Panel:
    name = f"kube_horizontalpodautoscaler_{metric}"
    query = Query(
        f"max by (horizontalpodautoscaler) ({name})",
        "{{horizontalpodautoscaler}}",
    )
    return Panel(title, description, [query], width=6)


SCALING = Row(
    "Autoscalers and budgets",
    [
        _autoscaler(
            "Autoscalers: wanted replicas",
            "What each one has computed from use and requests. It follows the load within a "
            "minute upwards and slowly downwards; a saw means that its steps are too large.",
            "status_desired_replicas",
        ),
        _autoscaler(
            "Autoscalers: current replicas",
            "Fewer than wanted for longer than a start takes: pods wait for a node, or a quota "
            "refuses them (`kubectl get events`).",
            "status_current_replicas",
        ),
        Panel(
            "Autoscalers: bounds",
            "The least and the most that each may have. Wanted at the most for a quarter of an "
            "hour is the alert AutoscalerAtMaximum.",
            [
                Query(
                    "max by (horizontalpodautoscaler) "
                    f"(kube_horizontalpodautoscaler_spec_{bound}_replicas)",
                    f"{{{{horizontalpodautoscaler}}}} {bound}",
                )
                for bound in ("min", "max")
            ],
            width=6,
        ),
        Panel(
            "Budgets: pods that may go",
            "How many pods of each workload may be moved now. At 0 a node that runs one cannot be "
            "drained: something is not ready already.",
            [
                Query(
                    "min by (poddisruptionbudget) "
                    "(kube_poddisruptionbudget_status_pod_disruptions_allowed)",
                    "{{poddisruptionbudget}}",
                )
            ],
            width=6,
        ),
    ],
)
