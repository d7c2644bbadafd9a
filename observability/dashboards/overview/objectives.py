"""What was promised and is kept, and what waits."""

from contracts import telemetry
from observability.dashboards.links import to_dashboard
from observability.dashboards.names import counter, gauge, histogram
from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import STREAM_AGE, STREAM_LENGTH, or_zero

STORED = histogram(telemetry.ORDERS_TIME_TO_STORED)
ACCEPTED = counter(telemetry.ORDERS_ACCEPTED)

_QUEUE = to_dashboard("arloji-order-pipeline", "Order pipeline")

STATE = Row(
    "",
    [
        Panel(
            "Kept in the last hour",
            "Share of good events of each objective (docs/runbooks/objectives.md says which). "
            "Below what was promised: the rows below say since when, and which service.",
            [Query("1 - slo:error_ratio:rate1h", "{{slo}}")],
            kind="stat",
            unit="percentunit",
            width=8,
            height=3,
            warn=0.999,
            bad=0.99,
            low_is_bad=True,
            most=1,
            links=to_dashboard("arloji-request-path", "Request path"),
        ),
        Panel(
            "Error budget left",
            "Of what 30 days may miss; in the first minutes by the last hour. Half gone before "
            "half the time: reliability goes before features. Gone: change only what mends it.",
            [
                Query(
                    "1 - (slo:error_ratio:rate30d or slo:error_ratio:rate1h) "
                    "/ on (slo) slo:error_budget:ratio",
                    "{{slo}}",
                )
            ],
            kind="stat",
            unit="percentunit",
            width=8,
            height=3,
            warn=0.5,
            bad=0.1,
            low_is_bad=True,
            most=1,
            least=None,
        ),
        Panel(
            "Waiting",
            "Orders that were accepted and have no row yet. More than a few for longer than a "
            "moment: is a consumer running, does MySQL answer? Dashboard Order pipeline.",
            [Query(f"{STREAM_LENGTH} or max({gauge(telemetry.QUEUE_BACKLOG)})")],
            kind="stat",
            width=2,
            height=3,
            warn=100,
            bad=10_000,
            links=_QUEUE,
        ),
        Panel(
            "Oldest",
            "How long the oldest of them has waited. Above 45 s the alert OrdersNotStored fires "
            "and says what to do.",
            [Query(f"{STREAM_AGE} or max({gauge(telemetry.QUEUE_OLDEST_AGE)})")],
            kind="stat",
            unit="s",
            width=2,
            height=3,
            warn=10,
            bad=45,
            links=_QUEUE,
        ),
        Panel(
            "Dead letters",
            "Orders that could not be processed; their customers see them as held. List, then "
            "replay or drop: `python -m services.consumer.dead_letters`.",
            [
                Query(
                    'max(redis_stream_length{stream="orders:dead"}) '
                    f"or max({gauge(telemetry.QUEUE_DEAD)})"
                )
            ],
            kind="stat",
            width=2,
            height=3,
            warn=1,
            bad=10,
            links=_QUEUE,
        ),
        Panel(
            "Alerts",
            "Firing now, the watchdog left out. Which, since when: click. What to do: Grafana's "
            "Alerting lists them, each with its runbook.",
            [Query(or_zero('count(ALERTS{alertstate="firing", severity!="none"})'))],
            kind="stat",
            width=2,
            height=3,
            warn=1,
            bad=1,
            links=to_dashboard("arloji-telemetry", "Alerts that fire"),
        ),
    ],
)
