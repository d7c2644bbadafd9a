"""Whether claims have room."""

from observability.dashboards.panels import Panel, Query, Row

CLAIMS = Row(
    "Claims",
    [
        Panel(
            "Claims",
            "How full each is. Above 85 % raise its request, where the storage class can grow it. "
            "Empty where the driver does not measure: folders of a node.",
            [
                Query(
                    "max by (persistentvolumeclaim) (kubelet_volume_stats_used_bytes "
                    "/ (kubelet_volume_stats_capacity_bytes > 0))",
                    "{{persistentvolumeclaim}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.85,
            bad=0.95,
            width=24,
        ),
    ],
)
