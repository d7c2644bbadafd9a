"""Room and speed of both Redis; what is in the queue is in the dashboard Order pipeline."""

from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import RATE

QUEUE_REDIS = Row(
    "Both Redis",
    [
        Panel(
            "Redis: memory",
            "Share of `maxmemory`. The queue must stay below 80 %, where orders are refused; "
            "the cache may be full and then forgets what is used least.",
            [Query("redis_memory_used_bytes / (redis_memory_max_bytes > 0)", "{{instance}}")],
            unit="percentunit",
            most=1,
            warn=0.65,
            bad=0.8,
        ),
        Panel(
            "Redis: commands",
            "Per second. Many more than requests: a loop polls without blocking.",
            [Query(f"rate(redis_commands_processed_total{RATE})", "{{instance}}")],
            unit="ops",
        ),
        Panel(
            "Redis: time per command",
            "Mean. Above a millisecond: a slow command (`SLOWLOG GET`), a busy machine, or, of "
            "the queue, its disk.",
            [
                Query(
                    f"sum by (instance) (rate(redis_commands_duration_seconds_total{RATE})) "
                    f"/ sum by (instance) (rate(redis_commands_processed_total{RATE}))",
                    "{{instance}}",
                )
            ],
            unit="s",
            warn=0.001,
        ),
    ],
)
