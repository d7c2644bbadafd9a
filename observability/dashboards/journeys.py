"""Where the shop's own links lead: one request, and one order from the click to the row. Dashboards
rather than Explore, which not everybody who may look may open."""

from observability.dashboards.layout import dashboard, text_variable
from observability.dashboards.panels import TRACES, Json, Panel, Query, Row, log_lines

REQUEST, ORDER = "arloji-request", "arloji-order"
# As long as traces are kept (observability/compose.yaml).
SINCE = "now-30d"
# `?var-…=` of the shop's links, which compose.yaml has.
TRACE_ID, ORDER_ID = "trace_id", "order_id"


def request() -> Json:
    trace = Panel(
        "Trace",
        "Every hop of one request; an order's goes on behind the answer. Empty for half a minute "
        "after the request, and for what is older than traces are kept.",
        [Query(f"${TRACE_ID}", source=TRACES)],
        kind="traces",
        width=24,
        height=18,
    )
    lines = _log_lines(
        "Log lines of the request",
        "What nginx and all services said about it, the oldest first. None although the trace is "
        "there: is the collector behind (dashboard Telemetry health)?",
        f'trace_id:="${TRACE_ID}"',
    )
    return _journey(
        REQUEST,
        "One request",
        "The trace and the log lines of one request; error pages link to it.",
        Row("Request", [trace, lines]),
        text_variable(TRACE_ID, "Trace id"),
    )


def order() -> Json:
    lines = _log_lines(
        "Log lines of the order",
        "Accepted by the publisher, settled by the consumer. Only the first of them: it waits in "
        "the queue, or is among the dead letters.",
        f'"${ORDER_ID}"',
    )
    return _journey(
        ORDER,
        "One order",
        "How one order came from the click to its row; the shop's order pages link to it.",
        Row("Order", [_order_traces(), lines]),
        text_variable(ORDER_ID, "Order id"),
    )


def _order_traces() -> Panel:
    return Panel(
        "Traces of the order",
        "Usually one, from the click to the committed row: click its id. More than one if it was "
        "sent or replayed again; none while it waits.",
        [
            Query(
                "",
                source=TRACES,
                query_type="search",
                more={
                    "service": "consumer",
                    "tags": f"arloji.order.id=${ORDER_ID}",
                    "limit": 20,
                },
            )
        ],
        kind="table",
        width=24,
        height=6,
        column_links={
            "Trace ID": {
                "title": "Trace and log lines",
                "url": f"/d/{REQUEST}/one-request?var-{TRACE_ID}=${{__value.raw}}",
            }
        },
    )


def _log_lines(title: str, description: str, found_by: str) -> Panel:
    return log_lines(title, description, f"{found_by} | sort by (_time)", height=12)


def _journey(uid: str, title: str, description: str, row: Row, identifier: Json) -> Json:
    """Of the past, therefore not refreshed."""
    return dashboard(
        uid, title, description, [row], variables=[identifier], since=SINCE, refresh=""
    )
