"""Names of Arloji's own spans, metrics and attributes. Everything else follows the OpenTelemetry
semantic conventions; dashboards and alerts are tested against this page."""

from typing import NamedTuple


class Metric(NamedTuple):
    """`unit` is in UCUM, as the semantic conventions ask."""

    name: str
    unit: str
    description: str


# Span attributes
ORDER_ID = "arloji.order.id"
ORDER_STATUS = "arloji.order.status"
ORDER_REASON = "arloji.order.reason"
ROUTE_CLASS = "arloji.route.class"
# An event of the SERVER span of a request that was not admitted, and why; its route class with it.
REJECTED = "arloji.admission.rejected"
REJECTED_REASON = "arloji.admission.rejected.reason"
HOUSEKEEPING_OUTCOME = "arloji.housekeeping.outcome"
# Of the entry in the stream, this delivery included: above 1 an earlier one did not end well.
ORDER_DELIVERIES = "arloji.order.deliveries"
# How a look-up in the cache ended, as in CACHE_REQUESTS, and for what had to be read anew, who did.
CACHE_RESULT = "arloji.cache.result"
CACHE_REFRESHED_BY = "arloji.cache.refreshed_by"
# True on statements that took longer than MySQL's own limit for its log of slow ones.
SQL_SLOW = "arloji.sql.slow"

# Metrics; those with attributes name them in the comment.
ORDERS_ACCEPTED = Metric("arloji.orders.accepted", "{order}", "Orders answered with 202")
# status, reason
ORDERS_SETTLED = Metric("arloji.orders.settled", "{order}", "Orders that reached a row")
# reason
ORDERS_DEAD_LETTERED = Metric(
    "arloji.orders.dead_lettered", "{order}", "Stream entries moved to the dead letters"
)
ORDERS_DUPLICATE_DELIVERIES = Metric(
    "arloji.orders.duplicate_deliveries", "{order}", "Deliveries whose order already had its row"
)
ORDERS_TIME_TO_STORED = Metric(
    "arloji.orders.time_to_stored", "s", "From acceptance to the committed row"
)
QUEUE_BACKLOG = Metric(
    "arloji.queue.backlog", "{order}", "Entries in the stream: accepted, not yet settled"
)
QUEUE_OLDEST_AGE = Metric("arloji.queue.oldest_age", "s", "Age of the oldest entry in the stream")
QUEUE_PENDING = Metric(
    "arloji.queue.pending", "{order}", "Entries delivered to a consumer and not yet settled"
)
QUEUE_DEAD = Metric("arloji.queue.dead", "{order}", "Entries in the dead letters")
QUEUE_DURABLE = Metric(
    "arloji.queue.durable", "1", "1 when the queue Redis writes an append-only file, else 0"
)
# result
CACHE_REQUESTS = Metric(
    "arloji.cache.requests", "{request}", "Look-ups in the product cache by result"
)
# reason (limit, lag, breaker, deadline, left, guest_rate), route, upstream
GATEWAY_SHED = Metric(
    "arloji.gateway.shed", "{request}", "Requests that the gateway refused to pass on"
)
# outcome (sent, no_budget), route, upstream
GATEWAY_RETRIES = Metric(
    "arloji.gateway.retries", "{request}", "Requests that broke and might have been sent again"
)
# upstream
GATEWAY_LIMIT = Metric(
    "arloji.gateway.limit", "{request}", "Requests that may be under way to an upstream at once"
)
# route, upstream
GATEWAY_IN_FLIGHT = Metric(
    "arloji.gateway.in_flight", "{request}", "Requests under way to an upstream"
)
# route, upstream
GATEWAY_WAITING = Metric(
    "arloji.gateway.waiting", "{request}", "Requests that wait to be passed on to an upstream"
)
# upstream
GATEWAY_BREAKER = Metric(
    "arloji.gateway.breaker",
    "{state}",
    "State of an upstream's breaker: 0 closed, 1 half-open, 2 open",
)
# reason (limit, lag, deadline, left), route, upstream
FRONTEND_SHED = Metric("arloji.frontend.shed", "{request}", "Requests that the frontend refused")
# upstream
FRONTEND_LIMIT = Metric(
    "arloji.frontend.limit", "{request}", "Requests that may be under way for an upstream at once"
)
# route, upstream
FRONTEND_IN_FLIGHT = Metric(
    "arloji.frontend.in_flight", "{request}", "Requests that the frontend works on"
)
# route, upstream
FRONTEND_WAITING = Metric(
    "arloji.frontend.waiting", "{request}", "Requests that wait to be admitted by the frontend"
)
# process.runtime.name, process.runtime.version
BUILD_INFO = Metric(
    "arloji.build.info", "{build}", "Always 1; its attributes say what the process runs on"
)
# outcome (made_room: one that waited was closed for others; told: a newcomer, with 503; dropped: a
# newcomer, without an answer)
CONNECTIONS_REFUSED = Metric(
    "arloji.connections.refused",
    "{connection}",
    "Connections closed or refused since MAX_CONNECTIONS were open",
)
EVENT_LOOP_LAG = Metric(
    "arloji.event_loop.lag", "s", "How late the event loop woke a timer, ten times a second"
)
# A run of housekeeping has ended before anybody could ask for its age: moments, not ages. A moment
# is also what the latest of several series can be told by.
# command, outcome (success, finding, failure), of rotate-logs writer
HOUSEKEEPING_LAST_RUN = Metric(
    "arloji.housekeeping.last_run", "s", "When a command last ended with this outcome, in Unix time"
)
# command, of rotate-logs writer
HOUSEKEEPING_DURATION = Metric("arloji.housekeeping.duration", "s", "How long the last run took")
# command, of rotate-logs writer
HOUSEKEEPING_FREED = Metric("arloji.housekeeping.freed", "By", "Bytes that the last run freed")
BACKUP_SIZE = Metric("arloji.backup.size", "By", "Bytes of the newest backup")
BACKUP_ROWS = Metric("arloji.backup.rows", "{row}", "Rows in the newest backup")
BACKUP_NEWEST_VERIFIED = Metric(
    "arloji.backup.newest_verified",
    "s",
    "When the snapshot of the newest verified backup was taken, in Unix time",
)
# kind
RECONCILE_DIFFERENCES = Metric(
    "arloji.reconcile.differences", "{difference}", "What the last reconciliation found, by kind"
)
ORDERS_PURGED = Metric(
    "arloji.orders.purged", "{order}", "Orders that the last purge moved to its archive"
)
# writer
LOGS_SIZE = Metric("arloji.logs.size", "By", "Bytes of all log files of a writer after rotation")
# writer
LOGS_COMPRESSION = Metric(
    "arloji.logs.compression", "1", "Bytes of the files last compressed, before by after"
)
