"""Connections, locks and memory of MySQL, and which statements cost what."""

from observability.dashboards.links import of_service
from observability.dashboards.panels import Panel, Query, Row, log_lines
from observability.dashboards.queries import RATE, SPANS, or_zero, quantile, share_of

_DIGESTS = "mysql_perf_schema_events_statements"


def _mean_of_an_hour(offset: str = "") -> str:
    """Of statements that ran often enough for it to mean something."""
    seconds = f"sum by (digest_text) (increase({_DIGESTS}_seconds_total[1h]{offset}))"
    runs = f"sum by (digest_text) (increase({_DIGESTS}_total[1h]{offset}))"
    return f"({seconds} / ({runs} > 20))"


MYSQL = Row(
    "MySQL",
    [
        Panel(
            "MySQL: statements",
            "Per second, and those slower than `long_query_time`. Slow ones are in the panel of "
            "slow statements below, without their values.",
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
            "Pools: connections in use",
            "Of each service's own pool. All of them in use for long: requests wait for one; more "
            "replicas, or the statement that holds them is slow.",
            [
                Query(
                    'sum by (service_name) (db_client_connections_usage{state="used"})',
                    "{{service_name}} in use",
                ),
                Query(
                    "sum by (service_name) (db_client_connections_usage)",
                    "{{service_name}} open",
                ),
            ],
        ),
        Panel(
            "MySQL: reads from disk",
            "Share of page reads that were not in the buffer pool. Above some per cent for "
            "long: the data has outgrown `innodb_buffer_pool_size`.",
            [
                Query(
                    share_of(
                        f"rate(mysql_global_status_innodb_buffer_pool_reads{RATE})",
                        f"rate(mysql_global_status_innodb_buffer_pool_read_requests{RATE})",
                    )
                    + " or vector(0)",
                    "from disk",
                )
            ],
            unit="percentunit",
            warn=0.05,
        ),
        Panel(
            "MySQL: waits for rows",
            "Statements that waited for a lock, per second, and those waiting now. Many: orders "
            "for one watch meet each other, or a statement by hand holds its rows.",
            [
                Query(f"rate(mysql_global_status_innodb_row_lock_waits{RATE})", "waits a second"),
                Query("mysql_global_status_innodb_row_lock_current_waits", "waiting now"),
            ],
            warn=10,
        ),
        Panel(
            "MySQL: disk",
            "Bytes per second. Far more written than orders explain: temporary tables, or a "
            "migration; reads: see the share from disk.",
            [
                Query(f"rate(mysql_global_status_innodb_data_read{RATE})", "read"),
                Query(f"rate(mysql_global_status_innodb_data_written{RATE})", "written"),
            ],
            unit="Bps",
        ),
    ],
)

STATEMENTS = Row(
    "Statements",
    [
        Panel(
            "SQL for the services, p95",
            "What a statement takes, with the way to the database. One that rises alone misses an "
            "index; all together: the database's disk or CPU.",
            [
                Query(
                    "topk(8, "
                    + quantile(
                        0.95,
                        SPANS,
                        "service_name, span_name",
                        'span_name=~"(SELECT|INSERT|UPDATE|DELETE|COMMIT).*"',
                    )
                    + ")",
                    "{{service_name}} {{span_name}}",
                )
            ],
            unit="s",
            warn=0.1,
            bad=1,
            width=12,
            links=of_service(),
        ),
        Panel(
            "Statements by time",
            "Seconds a second that MySQL spends on the eight dearest, without their values. The "
            "first is what to make faster: `EXPLAIN` it.",
            [
                Query(
                    f"topk(8, sum by (digest_text) (rate({_DIGESTS}_seconds_total{RATE})))",
                    "{{digest_text}}",
                )
            ],
            unit="s",
            warn=0.5,
            width=12,
        ),
        Panel(
            "Slowest statements, mean",
            "What one run of a statement takes in MySQL. One far above the others: `EXPLAIN` it; "
            "all at once: the disk, locks (MySQL: waits for rows) or CPU.",
            [
                Query(
                    f"topk(8, sum by (digest_text) (rate({_DIGESTS}_seconds_total{RATE})) "
                    f"/ (sum by (digest_text) (rate({_DIGESTS}_total{RATE})) > 0))",
                    "{{digest_text}}",
                )
            ],
            unit="s",
            warn=0.1,
            bad=1,
            width=8,
        ),
        Panel(
            "Slower than a day before",
            "Mean of an hour, as a multiple of that hour yesterday. Far above 1: more rows than "
            "its index spares it (`EXPLAIN`), or a release; all of them: the disk, or neighbours.",
            [
                Query(
                    or_zero(f"topk(8, {_mean_of_an_hour()} / {_mean_of_an_hour(' offset 1d')})"),
                    "{{digest_text}}",
                )
            ],
            warn=2,
            bad=5,
            width=8,
        ),
        Panel(
            "Rows examined a second",
            "By statement. Many times the rows that it returns: it reads the table where an index "
            "would do.",
            [
                Query(
                    f"topk(8, sum by (digest_text) (rate({_DIGESTS}_rows_examined_total{RATE})))",
                    "{{digest_text}}",
                )
            ],
            unit="rps",
            width=8,
        ),
        log_lines(
            "Slow statements",
            "From MySQL's log, newest first, without values; `duration` is in seconds. None is "
            "usual: what is here took longer than `long_query_time`.",
            '{service.name="mysql"} "log.file.name":="slow.log"',
            height=7,
        ),
    ],
)
