"""Rate, errors and duration of each route."""

from observability.dashboards.links import of_route
from observability.dashboards.overview.requests import error_share
from observability.dashboards.panels import Panel, Query, Row, log_lines
from observability.dashboards.queries import (
    ACCESS_LOG,
    CHOSEN,
    SERVER,
    quantile,
    rate,
)

_BY_ROUTE = "service_name, http_route"
_OF_ROUTES = f'{CHOSEN}, http_route!=""'
_NAMED = "{{service_name}} {{http_route}}"

ROUTES = Row(
    "Each route",
    [
        Panel(
            "Routes: rate",
            "The eight that are asked for most. One that jumps: a crawler, a campaign, or a client "
            "that repeats; the access log has its network.",
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
        log_lines(
            "Slowest requests",
            "At the edge, the twenty that took longest in the chosen time. A line leads to its "
            "request: the longest span without another one below it is where the time went.",
            f"{ACCESS_LOG} | sort by (duration desc) | limit 20"
            ' | format "<duration> s: <_msg>" as _msg',
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
