"""What the stores take in and refuse, how much smaller it becomes, and how long it is kept."""

from observability.dashboards.panels import Panel, Query, Row
from observability.dashboards.queries import RATE, or_zero

# Of all that is stored, what waits in memory for its file included.
STORED_RATIO = (
    'sum(vl_uncompressed_data_size_bytes{job="victoria-logs"}) '
    '/ sum(vl_compressed_data_size_bytes{job="victoria-logs"})'
)

STORES = Row(
    "Stores: what comes in",
    [
        Panel(
            "Stored a second",
            "Samples and log lines. A jump without more customers: new labels (series, beside "
            "this), or a service that complains (dashboard Logs).",
            [
                Query(f"sum(rate(vm_rows_inserted_total{RATE}))", "samples"),
                Query(f"sum(rate(vl_rows_ingested_total{RATE}))", "log lines"),
            ],
            unit="cps",
        ),
        Panel(
            "Dropped by a store",
            "Per second: too old, too long, too many labels, or over a limit. Any: the alert "
            "LogsDropped, or the store's own log, says what it was.",
            [
                Query(or_zero(f"sum(rate(vl_rows_dropped_total{RATE}))"), "log lines"),
                Query(or_zero(f"sum(rate(vm_rows_ignored_total{RATE}))"), "samples"),
                Query(
                    or_zero(f"sum(rate(vm_hourly_series_limit_rows_dropped_total{RATE}))"),
                    "samples of too many series",
                ),
            ],
            unit="cps",
            warn=1,
            bad=100,
        ),
        Panel(
            "Series",
            "Seen in the last hour; 3000 and 300 for each replica are usual. Growing with each "
            "start or customer: an id has become a label (alert TooManySeries).",
            [
                Query("max(vm_hourly_series_limit_current_series)", "in use"),
                Query("max(vm_hourly_series_limit_max_series)", "limit"),
            ],
            warn=20_000,
            bad=50_000,
        ),
        Panel(
            "Lines a day",
            "Of the last 24 hours at each moment. A jump without more customers: which service "
            "writes it, says the panel on lines by service of the dashboard Logs.",
            [Query("sum(increase(vl_rows_ingested_total[1d]))", "lines")],
            width=12,
        ),
        Panel(
            "Bytes of logs a day",
            "As they came, before compression, in 24 hours. Ninety times this by the ratio below "
            "is the disk that retention takes, up to its bound.",
            [Query("sum(increase(vl_bytes_ingested_total[1d]))", "bytes")],
            unit="bytes",
            width=12,
        ),
    ],
)

ROOM = Row(
    "Stores: room and age",
    [
        Panel(
            "Logs: compression",
            "How many times smaller VictoriaLogs stores what it was sent; eight to twelve is "
            "usual. Lower: lines have changed (ids, long texts).",
            [Query(STORED_RATIO, "ratio")],
            kind="stat",
            width=4,
            height=7,
            warn=5,
            bad=2,
            low_is_bad=True,
        ),
        Panel(
            "Metrics: bytes a sample",
            "On disk. Below two is usual, ten in the first minutes; more with few samples per "
            "series: series that live for minutes only, as those of an id would.",
            [
                Query(
                    'sum(vm_data_size_bytes{type=~"storage/.*"}) '
                    '/ (sum(vm_rows{type=~"storage/.*"}) > 0)',
                    "bytes",
                )
            ],
            kind="stat",
            unit="decbytes",
            width=4,
            height=7,
            warn=10,
            bad=30,
        ),
        Panel(
            "Age of what is kept",
            "Of the oldest line. Logs and metrics go after 90 days, traces after 30; younger than "
            "the shop and than that: the bound of the disk was reached first.",
            [
                Query("time() - min(vl_storage_log_min_timestamp_seconds > 0)", "logs"),
            ],
            kind="stat",
            unit="s",
            width=4,
            height=7,
            warn=91 * 86_400,
            bad=100 * 86_400,
        ),
        Panel(
            "Data of each store",
            "On disk. Logs stop at 32 GiB, traces at 10; metrics grow with the number of series "
            "(alert TooManySeries).",
            [Query('sum by (job) ({__name__=~"(vm|vl|vt)_data_size_bytes"})', "{{job}}")],
            unit="bytes",
            stacking="normal",
            width=6,
        ),
        Panel(
            "Free for each store",
            "On its disk. Below 100 MB VictoriaMetrics takes nothing more (alert StoreReadOnly): "
            "make room, what grows is beside this and in Nodes and containers.",
            [
                Query(
                    'min by (job) ({__name__=~"(vm|vl|vt)_free_disk_space_bytes"})',
                    "{{job}}",
                )
            ],
            unit="bytes",
            warn=10e9,
            bad=1e9,
            low_is_bad=True,
            width=6,
        ),
    ],
)
