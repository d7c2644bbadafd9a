"""Where the shop's own links lead: one request, and one order from the click to the row. Dashboards
rather than Explore, which not everybody who may look may open."""

from tools.dashboards.panels import (
    LOGS,
    TRACES,
    Json,
    Panel,
    Query,
    Row,
    dashboard,
    text_variable,
)

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
    lines = Panel(
        "Log lines of the request",
        "What nginx and all services said about it, the oldest first. None although the trace is "
        "there: is the collector behind (dashboard Arloji, at its end)?",
        [Query(f'trace_id:="${TRACE_ID}" | sort by (_time)', source=LOGS, query_type="instant")],
        kind="logs",
        width=24,
        height=12,
    )
    return dashboard(
        REQUEST,
        "One request",
        "The trace and the log lines of one request; error pages link to it.",
        [Row("Request", [trace, lines])],
        variables=[text_variable(TRACE_ID, "Trace id")],
        since=SINCE,
        refresh="",
    )


def order() -> Json:
    traces = Panel(
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
    lines = Panel(
        "Log lines of the order",
        "Accepted by the publisher, settled by the consumer. Only the first of them: it waits in "
        "the queue, or is among the dead letters.",
        [Query(f'"${ORDER_ID}" | sort by (_time)', source=LOGS, query_type="instant")],
        kind="logs",
        width=24,
        height=12,
    )
    return dashboard(
        ORDER,
        "One order",
        "How one order came from the click to its row; the shop's order pages link to it.",
        [Row("Order", [traces, lines])],
        variables=[text_variable(ORDER_ID, "Order id")],
        since=SINCE,
        refresh="",
    )
