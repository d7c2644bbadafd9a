"""Memory, CPU and disk of containers and machine."""

from observability.dashboards.overview.queries import RATE, rate
from observability.dashboards.panels import Panel, Query, Row

RESOURCES = Row(
    "Containers and machine",
    [
        Panel(
            "Memory of its limit",
            "Working set. Above 80 % the alert ContainerMemoryShort fires; at 100 % the kernel "
            "kills.",
            [
                Query(
                    "container_memory_working_set_bytes / (container_spec_memory_limit_bytes > 0)",
                    "{{name}}",
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
            "CPU",
            "Cores in use by each service, its replicas added. One Python process uses one core "
            "at most: at 1 per replica it needs more replicas.",
            [Query(rate("container_cpu_usage_seconds_total", "service"), "{{service}}")],
            unit="short",
            width=12,
            height=9,
        ),
        Panel(
            "Kills and starts",
            "Processes killed for memory, and containers started. Either one apart from an "
            "upgrade: the container's log, and the alerts ContainerKilled and ContainerRestarts.",
            [
                Query("sum(increase(container_oom_events_total[5m]))", "killed"),
                Query(
                    "sum(changes(container_start_time_seconds[5m]))",
                    "started",
                ),
            ],
        ),
        Panel(
            "Machine: CPU",
            "Share in use, and the share of time that something waited for a core. Waiting "
            "above a tenth: the figures above are those of a machine that is too small.",
            [
                Query(f'1 - avg(rate(node_cpu_seconds_total{{mode="idle"}}{RATE}))', "in use"),
                Query(f"rate(node_pressure_cpu_waiting_seconds_total{RATE})", "waiting"),
            ],
            unit="percentunit",
            most=1,
            warn=0.9,
        ),
        Panel(
            "Machine: memory and disk",
            "Share in use. Disk above 90 %: `docker system df` names what is large.",
            [
                Query("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "memory"),
                Query(
                    "1 - node_filesystem_avail_bytes / node_filesystem_size_bytes",
                    "disk {{mountpoint}}",
                ),
            ],
            unit="percentunit",
            most=1,
            warn=0.9,
        ),
    ],
)
