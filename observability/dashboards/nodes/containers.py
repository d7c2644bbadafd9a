"""What each container uses of its limits."""

from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import RATE, or_zero, rate, share_of

CONTAINERS = Row(
    "Containers",
    [
        Panel(
            "Memory of its limit",
            "Working set. Above 80 % the alert ContainerMemoryShort fires; at 100 % the kernel "
            "kills. Which service eats the memory: the highest line.",
            [
                Query(
                    "container_memory_working_set_bytes / (container_spec_memory_limit_bytes > 0)",
                    "{{name}} {{service}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.8,
            bad=0.9,
            width=12,
            height=9,
        ),
        Panel(
            "Memory",
            "Working set of each service, its replicas added. Growing for days without more load: "
            "a leak; restart it one by one, and report it.",
            [
                Query(
                    "sum by (service) (container_memory_working_set_bytes)",
                    "{{service}}",
                )
            ],
            unit="bytes",
            stacking="normal",
            width=12,
            height=9,
        ),
        Panel(
            "CPU",
            "Cores in use by each service, its replicas added. One Python process uses one core "
            "at most: at 1 per replica it needs more replicas.",
            [Query(rate("container_cpu_usage_seconds_total", "service"), "{{service}}")],
        ),
        Panel(
            "CPU: throttled",
            "Share of periods in which a container was stopped at its limit of CPU. Above a "
            "quarter the alert ContainerThrottled fires: raise the limit, or take it away.",
            [
                Query(
                    or_zero(
                        share_of(
                            rate("container_cpu_cfs_throttled_periods_total", "service"),
                            rate("container_cpu_cfs_periods_total", "service"),
                        )
                    ),
                    "{{service}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.1,
            bad=0.25,
        ),
        Panel(
            "Network",
            "Bytes per second sent by each container. One that sends far more than its requests "
            "explain: telemetry in a loop, or a backup that is copied.",
            [
                Query(
                    f"sum by (name) (rate(container_network_transmit_bytes_total{RATE}))",
                    "{{name}}",
                )
            ],
            unit="Bps",
        ),
        Panel(
            "Kills and starts",
            "Processes killed for memory on these machines, and which containers were started, "
            "in five minutes. Either one apart from an upgrade: the alerts ContainerKilled and "
            "ContainerRestarts.",
            [
                Query("sum(increase_prometheus(node_vmstat_oom_kill[5m]))", "killed"),
                Query(
                    or_zero("sum by (service) (changes(container_start_time_seconds[5m])) > 0"),
                    "{{service}} started",
                ),
            ],
            warn=1,
        ),
    ],
)
