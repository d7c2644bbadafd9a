"""Names of Arloji's own spans, metrics and attributes. Everything else follows the OpenTelemetry
semantic conventions; dashboards and alerts are tested against this page."""

# Span attributes
ORDER_ID = "arloji.order.id"
ORDER_STATUS = "arloji.order.status"
ORDER_REASON = "arloji.order.reason"
ROUTE_CLASS = "arloji.route.class"

# Metrics: name → (unit, what it says). Attributes are named in the comment.
ORDERS_ACCEPTED = "arloji.orders.accepted"
ORDERS_SETTLED = "arloji.orders.settled"  # status, reason
ORDERS_DEAD_LETTERED = "arloji.orders.dead_lettered"  # reason
ORDERS_DUPLICATE_DELIVERIES = "arloji.orders.duplicate_deliveries"
ORDERS_TIME_TO_STORED = "arloji.orders.time_to_stored"
QUEUE_BACKLOG = "arloji.queue.backlog"
QUEUE_OLDEST_AGE = "arloji.queue.oldest_age"
QUEUE_PENDING = "arloji.queue.pending"
QUEUE_DEAD = "arloji.queue.dead"
QUEUE_DURABLE = "arloji.queue.durable"
CACHE_REQUESTS = "arloji.cache.requests"  # result
GATEWAY_SHED = "arloji.gateway.shed"  # reason, route
GATEWAY_RETRIES = "arloji.gateway.retries"  # upstream
GATEWAY_IN_FLIGHT = "arloji.gateway.in_flight"  # upstream

METRICS: dict[str, tuple[str, str]] = {
    ORDERS_ACCEPTED: ("{order}", "Orders answered with 202"),
    ORDERS_SETTLED: ("{order}", "Orders that reached a row"),
    ORDERS_DEAD_LETTERED: ("{order}", "Stream entries moved to the dead letters"),
    ORDERS_DUPLICATE_DELIVERIES: ("{order}", "Deliveries whose order already had its row"),
    ORDERS_TIME_TO_STORED: ("s", "From acceptance to the committed row"),
    QUEUE_BACKLOG: ("{order}", "Entries in the stream: accepted, not yet settled"),
    QUEUE_OLDEST_AGE: ("s", "Age of the oldest entry in the stream"),
    QUEUE_PENDING: ("{order}", "Entries delivered to a consumer and not yet settled"),
    QUEUE_DEAD: ("{order}", "Entries in the dead letters"),
    QUEUE_DURABLE: ("1", "1 when the queue Redis writes an append-only file, else 0"),
    CACHE_REQUESTS: ("{request}", "Look-ups in the product cache by result"),
    GATEWAY_SHED: ("{request}", "Requests that the gateway refused to pass on"),
    GATEWAY_RETRIES: ("{request}", "Requests that the gateway sent a second time"),
    GATEWAY_IN_FLIGHT: ("{request}", "Requests under way to an upstream"),
}
