"""MySQL, the two Redis and nginx, as their exporters see them."""

from observability.dashboards.overview.queries import RATE
from observability.dashboards.panels import Panel, Query, Row

SERVERS = Row(
    "Servers",
    [
        Panel(
            "MySQL: statements",
            "Per second, and those slower than `long_query_time`. Slow ones are in the log "
            "panel below, without their values.",
            [
                Query(f"rate(mysql_global_status_questions{RATE})", "statements"),
                Query(f"rate(mysql_global_status_slow_queries{RATE})", "slow"),
            ],
            unit="ops",
        ),
        Panel(
            "MySQL: connections",
            "At the maximum, services wait and then fail. Their pools are sized for two "
            "replicas each; raise `max_connections` with them.",
            [
                Query("mysql_global_status_threads_connected", "open"),
                Query("mysql_global_status_threads_running", "busy"),
                Query("mysql_global_variables_max_connections", "maximum"),
            ],
        ),
        Panel(
            "MySQL: reads from disk",
            "Share of page reads that were not in the buffer pool. Above some per cent for "
            "long: the data has outgrown `innodb_buffer_pool_size`.",
            [
                Query(
                    f"rate(mysql_global_status_innodb_buffer_pool_reads{RATE}) / "
                    f"(rate(mysql_global_status_innodb_buffer_pool_read_requests{RATE}) > 0) "
                    "or vector(0)",
                    "from disk",
                )
            ],
            unit="percentunit",
            warn=0.05,
        ),
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
            "nginx",
            "Connections by what they do. Many waiting are idle keep-alives and cost little; "
            "many writing are clients or a frontend that is slow.",
            [
                Query("nginx_connections_waiting", "idle"),
                Query("nginx_connections_reading", "reading"),
                Query("nginx_connections_writing", "writing"),
            ],
        ),
    ],
)
