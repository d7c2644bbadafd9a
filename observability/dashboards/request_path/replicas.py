"""Which process it is, where one of several does not behave as the others do."""

from contracts import telemetry
from observability.dashboards.links import of_service
from observability.dashboards.names import gauge, histogram
from observability.dashboards.overview.requests import error_share
from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import CHOSEN, SERVER, quantile, rate

_BY = "service_name, service_instance_id"
_NAMED = "{{service_name}} {{service_instance_id}}"
_CHOSEN = f'{CHOSEN}, service_instance_id!=""'


def _replicas(
    title: str,
    about: str,
    query: str,
    unit: str,
    warn: float | None = None,
    bad: float | None = None,
) -> Panel:
    queries = [Query(query, _NAMED)]
    return Panel(title, about, queries, unit=unit, warn=warn, bad=bad, links=of_service())


REPLICAS = Row(
    "Each replica",
    [
        _replicas(
            "Replicas: rate",
            "By process: host name (in Docker the short id of the container) and port. Replicas "
            "of one service share evenly within a minute; one that gets nothing is not ready.",
            rate(f"{SERVER}_count{{{_CHOSEN}}}", _BY),
            "reqps",
        ),
        _replicas(
            "Replicas: latency, p95",
            "Which replica is slow: one line above those of the same service. Its CPU and event "
            "loop are below; with both as the others', its node or its way to the stores.",
            quantile(0.95, SERVER, _BY, _CHOSEN),
            "s",
            warn=0.5,
            bad=2,
        ),
        _replicas(
            "Replicas: errors",
            "Share of answers with status 5xx. One replica alone: restart it, its log says what "
            "it cannot reach.",
            error_share(_BY, _CHOSEN),
            "percentunit",
            warn=0.01,
            bad=0.05,
        ),
        _replicas(
            "Replicas: CPU",
            "Cores. A process uses one at most: at 1 for long, more replicas are needed.",
            rate(f"process_cpu_time_seconds_total{{{_CHOSEN}}}", _BY),
            "short",
            warn=0.9,
        ),
        _replicas(
            "Replicas: memory",
            "Resident. A request's own cannot be told: look for one that jumps, and for the "
            "largest answers and slowest requests of that moment above.",
            f"sum by ({_BY}) (process_memory_usage_bytes{{{_CHOSEN}}})",
            "bytes",
        ),
        _replicas(
            "Replicas: event loop, p99",
            "How late timers are woken. Above 0.1 s a handler computes for too long or the "
            "process gets no CPU; all that it serves waits.",
            quantile(0.99, histogram(telemetry.EVENT_LOOP_LAG), _BY, _CHOSEN),
            "s",
            warn=0.1,
            bad=1,
        ),
        Panel(
            "Releases",
            "Processes of each. Two of one service are an upgrade under way, or one that has "
            "stopped half-way; what changed above when a line began is of that release.",
            [
                Query(
                    f"count by (service_name, service_version) "
                    f"({gauge(telemetry.BUILD_INFO)}{{{CHOSEN}}})",
                    "{{service_name}} {{service_version}}",
                )
            ],
            width=24,
            height=5,
        ),
    ],
)
