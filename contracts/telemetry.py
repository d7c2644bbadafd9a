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
# reason, route
GATEWAY_SHED = Metric(
    "arloji.gateway.shed", "{request}", "Requests that the gateway refused to pass on"
)
# upstream
GATEWAY_RETRIES = Metric(
    "arloji.gateway.retries", "{request}", "Requests that the gateway sent a second time"
)
# upstream
GATEWAY_IN_FLIGHT = Metric(
    "arloji.gateway.in_flight", "{request}", "Requests under way to an upstream"
)
# A run of housekeeping has ended before anybody could ask for its age: moments, not ages.
# command
BACKUP_LAST_GOOD = Metric(
    "arloji.backup.last_good", "s", "When a command last did all of its work, in Unix time"
)
# command
BACKUP_GOOD = Metric("arloji.backup.good", "1", "1 when the last run did all of its work, else 0")
# command
BACKUP_DURATION = Metric("arloji.backup.duration", "s", "How long the last run took")
BACKUP_SIZE = Metric("arloji.backup.size", "By", "Bytes of the newest backup")
BACKUP_ROWS = Metric("arloji.backup.rows", "{row}", "Rows in the newest backup")
BACKUP_NEWEST_VERIFIED = Metric(
    "arloji.backup.newest_verified",
    "s",
    "When the snapshot of the newest verified backup was taken, in Unix time",
)
BACKUP_FREED = Metric("arloji.backup.freed", "By", "Bytes that the last purge of backups freed")
ORDERS_PURGED = Metric(
    "arloji.orders.purged", "{order}", "Orders that the last purge moved to its archive"
)
