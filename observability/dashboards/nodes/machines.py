"""CPU, memory and disks of each machine."""

from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import RATE

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
            "Free space in 4 and 30 days",
            "By the growth of the last day, and of the last week. Below zero for an hour with "
            "little left, and the alert DiskFillsUp says what to do.",
            [
                Query(
                    f"max by ({_DISKS}) (predict_linear(node_filesystem_avail_bytes[{past}d], "
                    f"{days} * 86400))",
                    f"{{{{instance}}}} {{{{mountpoint}}}} in {days} days",
                )
                for past, days in ((1, 4), (7, 30))
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
            "202 with it. Who writes: MySQL: disk (dashboard Data), the stores of telemetry "
            "(dashboard Telemetry health), a backup, or none of the shop's: `iotop`.",
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
