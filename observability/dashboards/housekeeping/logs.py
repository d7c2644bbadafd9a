"""What rotation leaves, and how small it is."""

from contracts import telemetry
from observability.dashboards.housekeeping.queries import daily, last
from observability.dashboards.panels import Panel, Query, Row

LOG_FILES = Row(
    "Log files",
    [
        Panel(
            "Files: compression",
            "How many times smaller the files that rotation compressed last. Far below what "
            "docs/housekeeping.md says: lines have changed, ids or long texts are new.",
            [Query(last(telemetry.LOGS_COMPRESSION, by="writer"), "files of {{writer}}")],
            width=12,
        ),
        Panel(
            "Rotated files",
            "Bytes of all files of each writer. They grow for 90 days and then stay; beyond that, "
            "does rotation run (alert HousekeepingOverdue)?",
            [Query(daily(telemetry.LOGS_SIZE, "writer"), "{{writer}}")],
            unit="bytes",
            width=12,
        ),
    ],
)
