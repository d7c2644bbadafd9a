"""Whether the logs of pods are read and delivered."""

from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import RATE

AGENTS = Row(
    "Logs of pods",
    [
        Panel(
            "Agents: lines read",
            "Per second, of each node's pods but the five services. A line at zero although its "
            "node has pods: the agent's log, and its rights to read theirs.",
            [
                Query(
                    "sum by (instance) "
                    f'(rate(otelcol_receiver_accepted_log_records_total{{job="otel-agent"}}{RATE}))',
                    "{{instance}}",
                )
            ],
            unit="cps",
            width=12,
        ),
        Panel(
            "Agents: queue",
            "Share in use of what each node keeps for the gateway. Above a half: the gateway is "
            "away or too slow; when it is full, logs wait in their files.",
            [
                Query(
                    'max by (instance) (otelcol_exporter_queue_size{job="otel-agent"} '
                    "/ otelcol_exporter_queue_capacity)",
                    "{{instance}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.5,
            width=12,
        ),
    ],
)
