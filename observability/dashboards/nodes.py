"""Machines and containers: who uses what, and how much room there is. The same in Docker and in
Kubernetes, where a node is an instance and a pod a name."""

from observability.dashboards.layout import dashboard
from observability.dashboards.panels import Json, Panel, Query, Row
from observability.dashboards.queries import RATE, rate

_DISKS = "instance, mountpoint"

NODES = Row(
    "Nodes",
    [
        Panel(
            "Nodes: CPU",
            "Share in use. Above 80 % for long everything becomes slower: fewer replicas, a larger "
            "machine, or in a cluster one more node.",
            [
                Query(
                    f'1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle"}}{RATE}))',
                    "{{instance}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.8,
            bad=0.95,
            width=6,
        ),
        Panel(
            "Nodes: waiting",
            "Share of time that something waited for CPU, memory or disk. Above a tenth: figures "
            "of latency are those of a machine that is too small.",
            [
                Query(
                    f"max by (instance) (rate(node_pressure_{what}_waiting_seconds_total{RATE}))",
                    f"{{{{instance}}}} {what}",
                )
                for what in ("cpu", "memory", "io")
            ],
            unit="percentunit",
            most=1,
            warn=0.1,
            bad=0.5,
            width=6,
        ),
        Panel(
            "Nodes: memory",
            "Share in use. Above 95 % the kernel kills, or the kubelet evicts pods, those of the "
            "lowest priority first: telemetry, then services, then stores.",
            [
                Query(
                    "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
                    "{{instance}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.9,
            bad=0.95,
            width=6,
        ),
        Panel(
            "Nodes: disk in use",
            "Share of each file system. Above 90 %: `docker system df` names what is large; a "
            "kubelet deletes unused images from 85 % on and evicts pods from 90 %.",
            [
                Query(
                    f"max by ({_DISKS}) (1 - node_filesystem_avail_bytes "
                    "/ node_filesystem_size_bytes)",
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
            "Free space in four days",
            "By the growth of the last day. Below zero for an hour with little left, and the "
            "alert DiskFillsUp says what to do.",
            [
                Query(
                    f"max by ({_DISKS}) "
                    "(predict_linear(node_filesystem_avail_bytes[1d], 4 * 86400))",
                    "{{instance}} {{mountpoint}}",
                )
            ],
            unit="bytes",
            least=None,
            warn=10e9,
            bad=0,
            low_is_bad=True,
        ),
        Panel(
            "Nodes: disk traffic",
            "Bytes per second, read and written. Much more than usual: a backup, a drill, or a "
            "store that merges; MySQL's own is in the dashboard Data.",
            [
                Query(
                    f"sum by (instance) (rate(node_disk_{what}_bytes_total{RATE}))",
                    f"{{{{instance}}}} {what}",
                )
                for what in ("read", "written")
            ],
            unit="Bps",
        ),
        Panel(
            "Nodes: disk busy",
            "Share of time with something under way. At 1 for long: every fsync waits, and each "
            "202 with it; what writes so much is in the panel beside this.",
            [
                Query(
                    f"max by (instance, device) (rate(node_disk_io_time_seconds_total{RATE}))",
                    "{{instance}} {{device}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.7,
            bad=0.9,
        ),
    ],
)

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
            "Processes killed for memory, and containers started, in five minutes. Either one "
            "apart from an upgrade: the container's log, and the alert ContainerRestarts.",
            [
                Query("sum(increase(container_oom_events_total[5m]))", "killed"),
                Query("sum(changes(container_start_time_seconds[5m]))", "started"),
            ],
            warn=1,
        ),
    ],
)


def nodes() -> Json:
    return dashboard(
        "arloji-nodes",
        "Nodes and containers",
        "Who uses CPU, memory, disk and network, and how much room there is.",
        [NODES, CONTAINERS],
        since="now-1h",
    )
