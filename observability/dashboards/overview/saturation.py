"""What is nearest to its limit, and what the edge answers."""

from observability.dashboards.links import to_dashboard, to_lines
from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import RATE, SERVER, rate

_LIMITS = {
    "memory of the fullest container": "max(container_memory_working_set_bytes "
    "/ (container_spec_memory_limit_bytes > 0))",
    "CPU of the machine": f'1 - avg(rate(node_cpu_seconds_total{{mode="idle"}}{RATE}))',
    "fullest disk": "max(1 - node_filesystem_avail_bytes / node_filesystem_size_bytes)",
    "connections of MySQL": "max(mysql_global_status_threads_connected "
    "/ mysql_global_variables_max_connections)",
    "memory of the queue": 'max(redis_memory_used_bytes{instance="queue-redis"} '
    '/ (redis_memory_max_bytes{instance="queue-redis"} > 0))',
    "the collector's queues": "max(otelcol_exporter_queue_size / otelcol_exporter_queue_capacity)",
}

EDGE = Panel(
    "Answers at the edge",
    "What nginx answered, by status. 429: a client is over its limit; 502 to 504: the frontend is "
    "unavailable or slow; 499: the client left first. Click for the lines of a status.",
    [
        Query(
            rate(f'{SERVER}_count{{service_name="nginx"}}', "http_response_status_code"),
            "{{http_response_status_code}}",
        )
    ],
    unit="reqps",
    stacking="normal",
    height=6,
    links=to_lines(
        "Lines of this status",
        "nginx",
        '"http.response.status_code":=${__field.labels.http_response_status_code}',
    ),
)

SATURATION = Row(
    "",
    [
        Panel(
            "Nearest to its limit",
            "Share in use. What stays above 80 % is the next to fail: dashboards Nodes and "
            "containers, Data and Telemetry health name which container, store or queue it is.",
            [Query(expression, name) for name, expression in _LIMITS.items()],
            unit="percentunit",
            most=1,
            warn=0.8,
            bad=0.9,
            width=16,
            height=6,
            links=to_dashboard("arloji-nodes", "Nodes and containers"),
        ),
        EDGE,
    ],
)
