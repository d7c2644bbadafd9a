"""What stores take of the disk, and how long there is room."""

from observability.dashboards.panels import Panel, Query, Row

STORES = Row(
    "Stores",
    [
        Panel(
            "Data of each store",
            "On disk. Logs and traces stop at 10 GiB each; metrics grow with the number of "
            "series (alert TooManySeries), MySQL with its orders.",
            [
                Query('sum by (job) ({__name__=~"(vm|vl|vt)_data_size_bytes"})', "{{job}}"),
            ],
            unit="bytes",
            stacked=True,
        ),
        Panel(
            "Free space",
            "Of each file system. Falling steadily: what grows is beside this, or `docker system "
            "df --verbose` names it.",
            [
                Query(
                    "max by (instance, mountpoint) (node_filesystem_avail_bytes)", "{{mountpoint}}"
                )
            ],
            unit="bytes",
        ),
        Panel(
            "Free in four days",
            "By the growth of the last day. Below zero for an hour with little left, and the "
            "alert DiskFillsUp says what to do.",
            [
                Query(
                    "max by (instance, mountpoint) "
                    "(predict_linear(node_filesystem_avail_bytes[1d], 4 * 86400))",
                    "{{mountpoint}}",
                )
            ],
            unit="bytes",
            least=None,
        ),
    ],
)
