"""Whether telemetry arrives, and the log lines worth reading."""

from observability.dashboards.housekeeping.logs import STORED_RATIO
from observability.dashboards.overview.queries import rate
from observability.dashboards.panels import LOGS, Panel, Query, Row

# Not what an agent of Kubernetes takes before it.
GATEWAY = '{job="otel-collector"}'

TELEMETRY = Row(
    "Telemetry and logs",
    [
        Panel(
            "Received by the collector",
            "Spans, points and lines per second. A line that falls to zero: its senders cannot "
            "reach the collector.",
            [
                Query(rate(f"otelcol_receiver_accepted_spans_total{GATEWAY}"), "spans"),
                Query(
                    rate(f"otelcol_receiver_accepted_metric_points_total{GATEWAY}"), "metric points"
                ),
                Query(rate(f"otelcol_receiver_accepted_log_records_total{GATEWAY}"), "log lines"),
            ],
            unit="cps",
        ),
        Panel(
            "Waiting for a store",
            "Share of each queue on disk. It grows while a store is unavailable; when it is full "
            "the newest is dropped.",
            [
                Query(
                    f"otelcol_exporter_queue_size{GATEWAY} / otelcol_exporter_queue_capacity",
                    "{{data_type}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.5,
            bad=0.9,
        ),
        Panel(
            "Lines by severity",
            "All logs. A burst of warnings or errors: the panel below has them.",
            [
                Query(
                    "* | stats by (severity_text) count() lines",
                    "{{severity_text}}",
                    LOGS,
                    "statsRange",
                )
            ],
            stacked=True,
        ),
        Panel(
            "Logs: compression",
            "How many times smaller VictoriaLogs stores what it was sent. How long and up to which "
            "size it keeps lines is in docs/observability.md; the dashboard Housekeeping has more.",
            [Query(STORED_RATIO, "ratio")],
            kind="stat",
            width=4,
            height=12,
        ),
        Panel(
            "Warnings and errors",
            "Newest first. A line with a trace id links to its trace; search all logs under "
            "Explore, VictoriaLogs.",
            [
                Query(
                    "severity_text:in(WARN, WARNING, ERROR, FATAL, CRITICAL)",
                    source=LOGS,
                    query_type="instant",
                )
            ],
            kind="logs",
            width=20,
            height=12,
        ),
    ],
)
