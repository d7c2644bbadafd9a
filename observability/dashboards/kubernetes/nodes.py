"""Whether there is room: CPU, memory and disks of each node, and claims."""

from observability.dashboards.overview.queries import RATE
from observability.dashboards.panels import Panel, Query, Row

NODES = Row(
    "Nodes and claims",
    [
        Panel(
            "Nodes: CPU",
            "Share in use of each node. All of them above 80 % for long: the cluster autoscaler "
            "should add one, or the requests are too small for what runs.",
            [
                Query(
                    f'1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle"}}{RATE}))',
                    "{{instance}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.9,
            width=6,
        ),
        Panel(
            "Nodes: memory",
            "Share in use of each node. Above 95 % the kubelet evicts pods, those of the lowest "
            "priority first: telemetry, then services, then stores.",
            [
                Query(
                    "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
                    "{{instance}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.9,
            width=6,
        ),
        Panel(
            "Nodes: disk",
            "Share in use of each file system. From 85 % on the kubelet deletes images that "
            "nobody uses; above 90 % it evicts pods.",
            [
                Query(
                    "max by (instance, mountpoint) "
                    "(1 - node_filesystem_avail_bytes / node_filesystem_size_bytes)",
                    "{{instance}} {{mountpoint}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.85,
            bad=0.9,
            width=6,
        ),
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
            width=6,
        ),
    ],
)
