"""Whom frontend and gateway let in while more is asked than can be done, or something behind them
is slow or gone."""

from contracts import telemetry
from contracts.telemetry import Metric
from observability.dashboards.names import counter, gauge
from observability.dashboards.panels import LOGS, Panel, Query, Row
from observability.dashboards.queries import ACCESS_LOG, or_zero, rate


def _refused(service: str, metric: Metric) -> Panel:
    return Panel(
        f"Refused by the {service}",
        "`limit`, `lag`: more than can be done; orders go last. `breaker`: see Breakers. "
        "`deadline`, `left`: nobody waits any more. `guest_rate`: one guest. For long: more "
        "replicas, or mend what is slow behind.",
        [Query(or_zero(rate(counter(metric), "reason, route")), "{{reason}} {{route}}")],
        unit="reqps",
        warn=1,
    )


def _by_upstream(title: str, about: str, *metrics: tuple[str, Metric]) -> Panel:
    return Panel(
        title,
        about,
        [
            Query(f"sum by (upstream) ({gauge(metric)})", f"{name} to {{{{upstream}}}}")
            for name, metric in metrics
        ],
    )


ADMISSION = Row(
    "Who is let in",
    [
        _refused("frontend", telemetry.FRONTEND_SHED),
        _refused("gateway", telemetry.GATEWAY_SHED),
        Panel(
            "Breakers",
            "0 closed, 1 half-open, 2 open: nothing is asked of that upstream but some probes. It "
            "closes by itself once they succeed; its own panels and logs say why it failed.",
            [
                Query(
                    f"max by (upstream) ({gauge(telemetry.GATEWAY_BREAKER)})",
                    "{{upstream}}",
                )
            ],
            most=2,
            warn=1,
            bad=2,
        ),
        _by_upstream(
            "Gateway: limit and under way",
            "Of all replicas. The limit falls while answers get slower and grows while it is used; "
            "under way at the limit for long: that upstream needs replicas or is ill.",
            ("limit", telemetry.GATEWAY_LIMIT),
            ("under way", telemetry.GATEWAY_IN_FLIGHT),
        ),
        _by_upstream(
            "Frontend: limit and under way",
            "The same at the frontend, which learns from the gateway's refusals. At "
            "its limit while the gateway is below: the frontend itself is short of CPU.",
            ("limit", telemetry.FRONTEND_LIMIT),
            ("under way", telemetry.FRONTEND_IN_FLIGHT),
        ),
        Panel(
            "Waiting to be let in",
            "Newest first, for a tenth of a second at most. Some under load; a line that stays is "
            "more than can be done, and what waits too long is refused.",
            [
                Query(f"sum by (route) ({gauge(metric)})", f"{service}: {{{{route}}}}")
                for service, metric in (
                    ("frontend", telemetry.FRONTEND_WAITING),
                    ("gateway", telemetry.GATEWAY_WAITING),
                )
            ],
        ),
        Panel(
            "Connections refused",
            "More than `MAX_CONNECTIONS` of one process. `made_room`: idle ones and unfinished "
            "heads were closed for others; `told`, `dropped`: all were busy, newcomers refused. "
            "Who opens so many: the edge's log; else more replicas, or a higher bound.",
            [
                Query(
                    or_zero(rate(counter(telemetry.CONNECTIONS_REFUSED), "service_name, outcome")),
                    "{{service_name}} {{outcome}}",
                )
            ],
            warn=1,
        ),
        Panel(
            "Repeated by the gateway",
            "Requests whose connection broke before an answer. `no_budget`: a tenth of all was "
            "repeated already, and the rest fails. Some while a backend is replaced; otherwise it "
            "dies or closes connections: its logs.",
            [
                Query(
                    or_zero(rate(counter(telemetry.GATEWAY_RETRIES), "upstream, outcome")),
                    "{{upstream}} {{outcome}}",
                )
            ],
            unit="reqps",
            warn=1,
        ),
        Panel(
            "Refused and failed by client",
            "At the edge: status, route, the client's network, and what the frontend said; if "
            "nothing, it was nginx's own limit. Why the frontend said it: this row, same time.",
            [
                Query(
                    f'{ACCESS_LOG} "http.response.status_code":in(429, 502, 503, 504)'
                    ' | stats by ("http.response.status_code", "http.request.method", "http.route",'
                    ' "client.address", "upstream.status") count() requests'
                    " | sort by (requests desc) | limit 12",
                    "{{http.response.status_code}} {{http.request.method}} {{http.route}} of "
                    "{{client.address}}, frontend: {{upstream.status}}",
                    LOGS,
                    "stats",
                )
            ],
            kind="bargauge",
            warn=10,
            bad=100,
            width=24,
        ),
    ],
)
