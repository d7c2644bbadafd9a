"""What logs come to, as lines, as bytes, and compressed."""

from contracts import telemetry
from observability.dashboards.housekeeping.queries import daily, last
from observability.dashboards.panels import LOGS, Panel, Query, Row

# Of all that is stored, what waits in memory for its file included.
STORED_RATIO = (
    'sum(vl_uncompressed_data_size_bytes{job="victoria-logs"}) '
    '/ sum(vl_compressed_data_size_bytes{job="victoria-logs"})'
)

LOG_FILES = Row(
    "Log files",
    [
        Panel(
            "VictoriaLogs: lines a day",
            "Of the last 24 hours at each moment. A jump without more customers: which service "
            "writes it, says the panel on lines by service.",
            [Query("sum(increase(vl_rows_ingested_total[1d]))", "lines")],
        ),
        Panel(
            "VictoriaLogs: bytes a day",
            "As they came, before compression, in 24 hours. Ninety times this by the ratio beside "
            "it is the disk that retention takes, up to its bound.",
            [Query("sum(increase(vl_bytes_ingested_total[1d]))", "bytes")],
            unit="bytes",
        ),
        Panel(
            "Compression",
            "How many times smaller: what VictoriaLogs stores, and the files that rotation "
            "compressed last. Far below what docs/housekeeping.md says: lines have changed.",
            [
                Query(STORED_RATIO, "VictoriaLogs"),
                Query(last(telemetry.LOGS_COMPRESSION, by="writer"), "files of {{writer}}"),
            ],
        ),
        Panel(
            "Lines by service",
            "Who writes how much. One that writes far more than requests explain: its level, or a "
            "failure that repeats.",
            [
                Query(
                    "* | stats by (service.name) count() lines",
                    "{{service.name}}",
                    LOGS,
                    "statsRange",
                )
            ],
            stacked=True,
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
