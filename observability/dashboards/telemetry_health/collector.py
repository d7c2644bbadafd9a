"""What the collector takes in, keeps waiting, refuses and loses."""

from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import or_zero, rate

# Not what an agent of Kubernetes takes before it.
_GATEWAY = '{job="otel-collector"}'
_SIGNALS = {"spans": "spans", "metric_points": "metric points", "log_records": "log lines"}


def _each(verb: str) -> list[Query]:
    return [
        Query(or_zero(rate(f"otelcol_{verb}_{signal}_total{_GATEWAY}")), name)
        for signal, name in _SIGNALS.items()
    ]


COLLECTOR = Row(
    "Collector",
    [
        Panel(
            "Received by the collector",
            "Spans, points and lines per second. A line that falls to zero: its senders cannot "
            "reach the collector.",
            _each("receiver_accepted"),
            unit="cps",
        ),
        Panel(
            "Delivered to the stores",
            "The same after masking, as the stores took it. Below what is received for long: the "
            "queues beside this grow, and the store named there is slow or gone.",
            _each("exporter_sent"),
            unit="cps",
        ),
        Panel(
            "Waiting for a store",
            "Share of each queue on disk. It grows while a store is unavailable; when it is full "
            "the newest is refused.",
            [
                Query(
                    f"otelcol_exporter_queue_size{_GATEWAY} / otelcol_exporter_queue_capacity",
                    "{{data_type}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.5,
            bad=0.9,
        ),
        Panel(
            "Refused",
            "What senders were told to send again later, per second: memory is short or a queue is "
            "full (beside this). Services repeat it; for long they lose it.",
            _each("receiver_refused"),
            unit="cps",
            warn=1,
            bad=100,
        ),
        Panel(
            "Failed and dropped",
            "Refused by a store for good, or no room in the queue: lost, per second. The "
            "collector's log says which and why (`docker compose logs otel-collector`).",
            [
                *_each("exporter_send_failed"),
                *(
                    Query(query.expression, f"{query.legend}, no room")
                    for query in _each("exporter_enqueue_failed")
                ),
            ],
            unit="cps",
            warn=1,
            bad=100,
        ),
        Panel(
            "Collector: memory",
            "Resident, of its container's 224 MiB; from 80 % on it refuses what comes. Rising for "
            "days without more traffic: a leak; restart it, its queues are on disk.",
            [Query("max(otelcol_process_memory_rss_bytes) by (job)", "{{job}}")],
            unit="bytes",
            warn=179e6,
            bad=224e6,
        ),
    ],
)
