"""Does the shop take orders, and do they reach their rows?"""

from contracts import telemetry
from observability.dashboards.names import counter, gauge, histogram
from observability.dashboards.overview.queries import or_zero, per_minute, percentiles
from observability.dashboards.panels import Panel, Query, Row

STORED = histogram(telemetry.ORDERS_TIME_TO_STORED)

ORDERS = Row(
    "Orders",
    [
        Panel(
            "Waiting",
            "Orders that were accepted and have no row yet. More than a few for longer than a "
            "moment: is a consumer running, does MySQL answer?",
            [Query(f"max({gauge(telemetry.QUEUE_BACKLOG)})")],
            kind="stat",
            width=4,
            height=4,
            warn=100,
            bad=10_000,
        ),
        Panel(
            "Oldest",
            "How long the oldest of them has waited. Above a minute the alert OrdersNotStored "
            "fires and says what to do.",
            [Query(f"max({gauge(telemetry.QUEUE_OLDEST_AGE)})")],
            kind="stat",
            unit="s",
            width=4,
            height=4,
            warn=10,
            bad=60,
        ),
        Panel(
            "Dead letters",
            "Orders that could not be processed; their customers see them as held. List, then "
            "replay or drop: `python -m services.consumer.dead_letters`.",
            [Query(f"max({gauge(telemetry.QUEUE_DEAD)})")],
            kind="stat",
            width=4,
            height=4,
            warn=1,
            bad=10,
        ),
        Panel(
            "Queue on disk",
            "Whether the queue Redis writes its append-only file. If not, a restart would lose "
            "orders: start it with stores/queue-redis.conf.",
            [Query(f"min({gauge(telemetry.QUEUE_DURABLE)})")],
            kind="stat",
            width=4,
            height=4,
            mappings={"1": ("yes", "green"), "0": ("NO", "red")},
        ),
        Panel(
            "Alerts",
            "Firing now, the watchdog left out. Which, and what to do: vmalert's and "
            "Alertmanager's pages (docs/observability.md).",
            [Query(or_zero('count(ALERTS{alertstate="firing", severity!="none"})'))],
            kind="stat",
            width=4,
            height=4,
            warn=1,
            bad=1,
        ),
        Panel(
            "Services reporting",
            "Processes whose metrics arrive: one frontend, two of each other but one publisher, "
            "unless scaled. Fewer: `docker compose ps`.",
            [Query("count(count by (service_instance_id) (process_uptime_seconds))")],
            kind="stat",
            width=4,
            height=4,
            warn=5,
            bad=5,
            low_is_bad=True,
        ),
        Panel(
            "Accepted and settled a minute",
            "Both together in a healthy shop. Settled below accepted: the queue grows. Many "
            "rejected: `out_of_stock` is the shop's business, `price_changed` a stale cache.",
            [
                Query(or_zero(per_minute(counter(telemetry.ORDERS_ACCEPTED))), "accepted"),
                Query(
                    per_minute(counter(telemetry.ORDERS_SETTLED), "status, reason"),
                    "{{status}} {{reason}}",
                ),
            ],
            unit="short",
        ),
        Panel(
            "Time to stored",
            "From the 202 to the committed row. Slow at low load: MySQL's disk; slow at high "
            "load: more consumers.",
            percentiles(STORED),
            unit="s",
            warn=1,
            bad=10,
        ),
        Panel(
            "Queue",
            "Entries in the stream, and those that a consumer holds. Holding many without "
            "settling: its log says which order fails.",
            [
                Query(f"max({gauge(telemetry.QUEUE_BACKLOG)})", "waiting"),
                Query(f"max({gauge(telemetry.QUEUE_PENDING)})", "delivered"),
                Query(f"max({gauge(telemetry.QUEUE_DEAD)})", "dead letters"),
            ],
        ),
    ],
)
