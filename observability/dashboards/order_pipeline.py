"""From the 202 to the row: how long it takes, what waits, what comes twice and what goes wrong."""

from contracts import telemetry
from observability.dashboards.layout import dashboard
from observability.dashboards.links import of_service
from observability.dashboards.names import counter, gauge
from observability.dashboards.overview.objectives import ACCEPTED, STORED
from observability.dashboards.overview.orders import SETTLED
from observability.dashboards.panels import Json, Panel, Query, Row, log_lines
from observability.dashboards.queries import (
    SPANS,
    STREAM,
    STREAM_AGE,
    STREAM_LENGTH,
    or_zero,
    per_minute,
    percentiles,
    quantile,
    rate,
)

WAY = Row(
    "The way of an order",
    [
        Panel(
            "Accepted to stored",
            "From the 202 to the committed row; 5 s are promised. Slow at low load: the "
            "database's disk; slow at high load: more consumers.",
            percentiles(STORED),
            unit="s",
            warn=1,
            bad=5,
        ),
        Panel(
            "Accepted and stored a second",
            "What comes in and what leaves. The gap between both is how fast the queue grows; "
            "consumers that do not keep up need replicas, or MySQL is slow (dashboard Data).",
            [
                Query(or_zero(rate(ACCEPTED)), "accepted"),
                Query(or_zero(rate(f"{STORED}_count")), "stored"),
            ],
            unit="ops",
        ),
        Panel(
            "Steps, p95",
            "Publisher: writing to the queue's disk. Consumer: a batch, and its statements. The "
            "step that rises is where orders lose their time; click for its traces.",
            [
                Query(
                    "topk(8, "
                    + quantile(
                        0.95,
                        SPANS,
                        "service_name, span_name",
                        'service_name=~"publisher|consumer"',
                    )
                    + ")",
                    "{{service_name}} {{span_name}}",
                )
            ],
            unit="s",
            warn=1,
            links=of_service(),
        ),
    ],
)

QUEUE = Row(
    "The queue",
    [
        Panel(
            "Backlog",
            "Entries of the stream, as consumers say and as its Redis says. The two apart, or only "
            "Redis's left: no consumer reports; `docker compose ps consumer`.",
            [
                Query(f"max({gauge(telemetry.QUEUE_BACKLOG)})", "by the consumers"),
                Query(STREAM_LENGTH, "by Redis"),
            ],
            warn=100,
            bad=10_000,
        ),
        Panel(
            "Oldest waiting",
            "Above 45 s the alert OrdersNotStored fires. Old with few in the queue: one order "
            "fails again and again, and the consumer's log names it.",
            [
                Query(f"max({gauge(telemetry.QUEUE_OLDEST_AGE)})", "by the consumers"),
                Query(STREAM_AGE, "by Redis"),
            ],
            unit="s",
            warn=10,
            bad=45,
        ),
        Panel(
            "Held by consumers",
            "Delivered, and not yet settled. High while nothing is settled: a consumer hangs or "
            "has died; others take its entries over after CLAIM_IDLE_SECONDS.",
            [Query(f"max({gauge(telemetry.QUEUE_PENDING)})", "delivered")],
            warn=100,
        ),
        Panel(
            "Queue on disk",
            "Whether the queue Redis writes its append-only file. If not, a restart would lose "
            "orders: start it with stores/queue-redis.conf.",
            [Query(f"min({gauge(telemetry.QUEUE_DURABLE)})")],
            kind="stat",
            width=4,
            height=6,
            mappings={"1": ("yes", "green"), "0": ("NO", "red")},
            warn=1,
            bad=1,
            low_is_bad=True,
        ),
        Panel(
            "Consumers in the group",
            "Names that the group knows. Fewer than replicas: one does not reach the queue, its "
            "log says why. Names of those that are gone are removed after an hour.",
            [Query(f"max(redis_stream_group_consumers{STREAM})", "consumers")],
            width=10,
            height=6,
        ),
        Panel(
            "Writing to the queue's disk",
            "fsyncs that Redis had to put off, and bytes of its file. Put off: the disk is too "
            "slow, and every 202 waits for it.",
            [
                Query('rate(redis_aof_delayed_fsync{instance="queue-redis"}[5m])', "put off"),
                Query('redis_aof_current_size_bytes{instance="queue-redis"} / 1e6', "MB in use"),
            ],
            width=10,
            height=6,
        ),
    ],
)

WRONG = Row(
    "What does not go as usual",
    [
        Panel(
            "Delivered again",
            "Orders whose row was there already, a minute. After a consumer died some are usual, "
            "and harmless; all the time: acknowledging fails, see the consumer's log.",
            [
                Query(
                    or_zero(per_minute(counter(telemetry.ORDERS_DUPLICATE_DELIVERIES))),
                    "duplicates",
                )
            ],
            warn=10,
        ),
        Panel(
            "Dead letters a minute",
            "By reason: `schema` is a program that writes what it must not, `key_reuse` a client, "
            "others are ours. List, show, replay: `python -m services.consumer.dead_letters`.",
            [
                Query(
                    or_zero(per_minute(counter(telemetry.ORDERS_DEAD_LETTERED), "reason")),
                    "{{reason}}",
                )
            ],
            warn=1,
            bad=10,
        ),
        Panel(
            "Rejected a minute",
            "By reason. `out_of_stock` is the shop's business: buy watches. `price_changed` in "
            "numbers is a stale cache; `unknown_product` a client with an old list.",
            [Query(or_zero(per_minute(f'{SETTLED}{{status="rejected"}}', "reason")), "{{reason}}")],
            warn=60,
        ),
        log_lines(
            "Slowest orders",
            "From 202 to the row, the twenty that took longest in the chosen time. A line leads to "
            "its request: the trace says whether it waited in the queue or for MySQL.",
            '{service.name="consumer"} _msg:"order" seconds:* | sort by (seconds desc) '
            '| limit 20 | format "<seconds> s: <_msg>" as _msg',
        ),
        log_lines(
            "Warnings about orders",
            "What publisher and consumer complain of, the newest first. A line leads to its "
            "request; an order's id to the dashboard One order.",
            '{service.name=~"publisher|consumer"} severity_text:in(WARN, WARNING, ERROR)',
        ),
    ],
)


def order_pipeline() -> Json:
    return dashboard(
        "arloji-order-pipeline",
        "Order pipeline",
        "From the 202 to the row: how long, what waits, what comes twice and what goes wrong.",
        [WAY, QUEUE, WRONG],
    )
