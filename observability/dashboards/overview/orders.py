"""Do customers order, and do orders reach their rows?"""

from contracts import telemetry
from observability.dashboards.links import to_dashboard
from observability.dashboards.names import counter
from observability.dashboards.overview.objectives import ACCEPTED, STORED
from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import SERVER, in_range, or_zero, per_minute, percentiles

SETTLED = counter(telemetry.ORDERS_SETTLED)


def _asked(method: str, routes: str, status: str) -> str:
    asked = f'service_name="frontend", http_request_method="{method}", http_route=~"{routes}"'
    return f'{SERVER}_count{{{asked}, http_response_status_code=~"{status}"}}'


_STEPS = {
    "products looked at": _asked("GET", "/products/{slug}|/api/products/{product_id}", "200"),
    "carts changed": _asked("POST", "/cart", "303"),
    "orders sent": _asked("POST", "/orders|/api/orders", "..."),
    "accepted": ACCEPTED,
    "confirmed": f'{SETTLED}{{status="confirmed"}}',
    "rejected": f'{SETTLED}{{status="rejected"}}',
}

ORDERS = Row(
    "",
    [
        Panel(
            "Orders funnel",
            "How often in the time that is shown. Sent far above accepted: the shop refuses "
            "orders (dashboard Request path); accepted above the two last: the queue grows.",
            [Query(in_range(series), name, instant=True) for name, series in _STEPS.items()],
            kind="bargauge",
            width=6,
            height=6,
        ),
        Panel(
            "Accepted and settled a minute",
            "Both together in a healthy shop. Settled below accepted: the queue grows. Many "
            "rejected: `out_of_stock` is the shop's business, `price_changed` a stale cache.",
            [
                Query(or_zero(per_minute(ACCEPTED)), "accepted"),
                Query(per_minute(SETTLED, "status, reason"), "{{status}} {{reason}}"),
            ],
            width=9,
            height=6,
        ),
        Panel(
            "Time to stored",
            "From the 202 to the committed row; 5 s are promised. Slow at low load: the "
            "database's disk; slow at high load: more consumers.",
            percentiles(STORED),
            unit="s",
            warn=1,
            bad=5,
            links=to_dashboard("arloji-order-pipeline", "Slowest orders"),
            width=9,
            height=6,
        ),
    ],
)
