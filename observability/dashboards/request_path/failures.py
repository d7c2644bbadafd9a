"""Calls that fail, are repeated or refused."""

from contracts import telemetry
from observability.dashboards.links import of_service
from observability.dashboards.names import counter, gauge
from observability.dashboards.overview.saturation import EDGE
from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import (
    CHOSEN,
    CLIENT,
    RATE,
    or_zero,
    rate,
)

_FAILED = 'http_response_status_code=~"5.."'

FAILURES = Row(
    "Failures and repeats",
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
            "Repeated by the gateway",
            "Requests that were sent a second time, since the connection broke first. Some while "
            "a backend is replaced; otherwise it closes connections or dies: its logs.",
            [Query(or_zero(rate(counter(telemetry.GATEWAY_RETRIES), "upstream")), "{{upstream}}")],
            unit="reqps",
            warn=1,
        ),
        Panel(
            "Refused by the gateway",
            "`in_flight`: a backend is slower than what comes in; give it replicas or look at its "
            "store. `guest_rate`: one guest asks too much, and nothing is to be done.",
            [
                Query(
                    or_zero(rate(counter(telemetry.GATEWAY_SHED), "reason, route")),
                    "{{reason}} {{route}}",
                )
            ],
            unit="reqps",
            warn=1,
        ),
        Panel(
            "Under way",
            "Requests that the gateway waits for. At its limit it refuses; a line that stays "
            "high is a backend that hangs.",
            [Query(f"sum by (upstream) ({gauge(telemetry.GATEWAY_IN_FLIGHT)})", "{{upstream}}")],
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
