"""Rate, errors and duration of each route."""

from observability.dashboards.links import of_route
from observability.dashboards.overview.requests import error_share
from observability.dashboards.panels import LOGS, Panel, Query, Row, log_lines
from observability.dashboards.queries import (
    ACCESS_LOG,
    CHOSEN,
    RATE,
    SERVER,
    or_zero,
    quantile,
    rate,
)

_BY_ROUTE = "service_name, http_route"
_OF_ROUTES = f'{CHOSEN}, http_route!=""'
_NAMED = "{{service_name}} {{http_route}}"
_REQUESTS = f'{SERVER}_count{{service_name="frontend"}}{RATE}'
_BEFORE = {"now": "", "a day before": " offset 1d", "a week before": " offset 7d"}

ROUTES = Row(
    "Each route",
    [
        Panel(
            "Routes: rate",
            "The eight that are asked for most. One that jumps: a crawler, a campaign, or a client "
            "that repeats; Busiest clients names it.",
            [
                Query(
                    f"topk(8, {rate(f'{SERVER}_count{{{_OF_ROUTES}}}', _BY_ROUTE)})",
                    _NAMED,
                )
            ],
            unit="reqps",
            links=of_route(),
        ),
        Panel(
            "Routes: errors",
            "Share of answers with status 5xx. A single route: what only it uses (orders: queue; "
            "products: cache and database). Click for its traces.",
            [Query(f"topk(8, {error_share(_BY_ROUTE, _OF_ROUTES)})", _NAMED)],
            unit="percentunit",
            warn=0.01,
            bad=0.05,
            links=of_route(),
        ),
        Panel(
            "Routes: latency, p95",
            "The slowest eight. Slow in every service of the chain: look at the last of them; "
            "click for traces of that route and time.",
            [
                Query(
                    f"topk(8, {quantile(0.95, SERVER, _BY_ROUTE, _OF_ROUTES)})",
                    _NAMED,
                )
            ],
            unit="s",
            warn=0.5,
            bad=2,
            links=of_route(),
        ),
        Panel(
            "Rate, now and before",
            "All that the frontend is asked, beside the same hour of yesterday and a week ago. Far "
            "above both: who is it (beside this)? Far below: customers do not reach the shop.",
            [
                Query(or_zero(f"sum(rate({_REQUESTS}{offset}))"), name)
                for name, offset in _BEFORE.items()
            ],
            unit="reqps",
            width=12,
        ),
        Panel(
            "Busiest clients",
            "At the edge: a client's network and what it calls itself, by requests in the chosen "
            "time. One far above the others: a crawler or a script; `INGRESS_RATE_LIMIT` and what "
            "stands in front of the shop keep it away.",
            [
                Query(
                    f'{ACCESS_LOG} | stats by ("client.address", "user_agent.original") '
                    "count() requests | sort by (requests desc) | limit 12",
                    "{{client.address}} {{user_agent.original}}",
                    LOGS,
                    "stats",
                )
            ],
            kind="bargauge",
            width=12,
        ),
        log_lines(
            "Slowest requests",
            "At the edge, the twenty that took longest in the chosen time. A line leads to its "
            "request: the longest span without another one below it is where the time went.",
            f"{ACCESS_LOG} | sort by (duration desc) | limit 20"
            ' | math round(duration * 1000) as ms | format "<ms> ms: <_msg>" as _msg',
        ),
        log_lines(
            "Largest answers",
            "At the edge, in bytes. Whoever makes one has it in memory whole: "
            "where memory jumps (Replicas: memory), these are the first to look at.",
            f'{ACCESS_LOG} | sort by ("http.response.body.size" desc) | limit 20'
            ' | format "<http.response.body.size> B: <_msg>" as _msg',
            height=7,
        ),
    ],
)
