"""How the time of a request is shared among hops."""

from observability.dashboards.links import of_service
from observability.dashboards.panels import TRACES, Panel, Query, Row
from observability.dashboards.queries import (
    CHOSEN,
    CLIENT,
    RATE,
    SERVER,
    SPANS,
    percentiles,
    quantile,
    rate,
)

_CALLS = '{span_kind="SPAN_KIND_CLIENT"}'
_ANSWERED = rate(f'{SERVER}_sum{{service_name!="nginx"}}', "service_name")
_AT_THE_EDGE = rate(f'{SERVER}_sum{{service_name="nginx"}}')
_AT_THE_FRONT = rate(f'{SERVER}_sum{{service_name="frontend"}}')
_WAITED = rate(f"{SPANS}_sum{_CALLS}", "service_name")

HOPS = Row(
    "Each hop",
    [
        Panel(
            "Time by hop",
            "Share of all seconds that requests took: each service's own work, and what the last "
            "ones wait for in MySQL and Redis. The largest share is what to make faster first.",
            [
                Query(
                    f"clamp_min({_ANSWERED} - ({_WAITED} or {_ANSWERED} * 0), 0)",
                    "{{service_name}} itself",
                ),
                # It has no spans: what it took, less what the frontend took of that.
                Query(
                    f"clamp_min({_AT_THE_EDGE} - {_AT_THE_FRONT}, 0)",
                    "nginx itself",
                ),
                Query(
                    f'sum by (service_name) (rate({SPANS}_sum{{span_kind="SPAN_KIND_CLIENT", '
                    f'service_name=~"service-http|publisher"}}{RATE}))',
                    "stores, for {{service_name}}",
                ),
            ],
            unit="s",
            stacking="percent",
            links=of_service(),
        ),
        Panel(
            "Time between hops, mean",
            "What a call took for the caller less what it took for who answered: the network, and "
            "waiting for a connection or a turn. Above some ms: the callee is short of CPU.",
            [
                Query(
                    f'clamp_min(sum(rate({CLIENT}_sum{{service_name="{caller}"}}{RATE})) '
                    f'/ (sum(rate({CLIENT}_count{{service_name="{caller}"}}{RATE})) > 0) '
                    f'- sum(rate({SERVER}_sum{{service_name=~"{callee}"}}{RATE})) '
                    f'/ (sum(rate({SERVER}_count{{service_name=~"{callee}"}}{RATE})) > 0), 0)',
                    f"from {caller}",
                )
                for caller, callee in (
                    ("frontend", "api-gw"),
                    ("api-gw", "service-http|publisher"),
                )
            ],
            unit="s",
            warn=0.05,
        ),
        Panel(
            "Latency at the front",
            "What customers wait for, as the frontend measures it. p99 far above p95: a few "
            "requests meet something slow; their traces, below, say what.",
            percentiles(SERVER, 'service_name="frontend"'),
            unit="s",
            warn=0.5,
            bad=2,
        ),
        Panel(
            "Slowest operations, p95",
            "Of all spans, SQL and Redis included. An SQL statement among them: is an index "
            "missing, or is the disk busy? Dashboard Data.",
            [
                Query(
                    "topk(8, " + quantile(0.95, SPANS, "service_name, span_name", CHOSEN) + ")",
                    "{{service_name}} {{span_name}}",
                )
            ],
            unit="s",
            warn=1,
            width=12,
            links=of_service(),
        ),
        Panel(
            "Who calls whom",
            "Drawn from traces. A caller that surprises is a wrong address in somebody's settings; "
            "a red edge leads to the service that fails.",
            [Query("", source=TRACES, query_type="dependencyGraph")],
            kind="nodeGraph",
            width=12,
        ),
    ],
)
