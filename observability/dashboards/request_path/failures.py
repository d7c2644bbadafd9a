"""Calls that fail, and what the edge refuses."""

from observability.dashboards.links import of_service
from observability.dashboards.overview.saturation import EDGE
from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import (
    CHOSEN,
    CLIENT,
    RATE,
    or_zero,
)

_FAILED = 'http_response_status_code=~"5.."'

FAILURES = Row(
    "Failures",
    [
        Panel(
            "Upstream errors",
            "Calls that ended with a 5xx or without an answer, by caller and address. Without a "
            "status: the callee is gone or too slow; with one: its own logs say why.",
            [
                Query(
                    or_zero(
                        f"sum by (service_name, server_address, http_response_status_code, "
                        f"error_type) (rate({CLIENT}_count{{{CHOSEN}, {_FAILED}}}{RATE}) "
                        f'or rate({CLIENT}_count{{{CHOSEN}, error_type!=""}}{RATE}))'
                    ),
                    "{{service_name}} to {{server_address}} {{http_response_status_code}} "
                    "{{error_type}}",
                )
            ],
            unit="reqps",
            warn=0.1,
            bad=1,
            links=of_service(),
        ),
        Panel(
            "nginx: connections",
            "By what they do. Many waiting are idle keep-alives and cost little; many writing are "
            "clients or a frontend that is slow.",
            [
                Query("nginx_connections_waiting", "idle"),
                Query("nginx_connections_reading", "reading"),
                Query("nginx_connections_writing", "writing"),
            ],
            height=6,
        ),
        EDGE,
    ],
)
