"""The first page to look at: does the shop take orders, and what limits it."""

from contracts import telemetry
from tools.dashboards.names import counter, gauge, histogram
from tools.dashboards.panels import (
    LOGS,
    TRACES,
    Json,
    Panel,
    Query,
    Row,
    dashboard,
    logs_of_service,
    traces_of_service,
)

RATE = "[$__rate_interval]"
REQUESTS = "http_server_request_duration_seconds"
STORED = histogram(telemetry.ORDERS_TIME_TO_STORED)
SERVICE_LINKS = (logs_of_service(), traces_of_service())


def rate(series: str, by: str = "") -> str:
    return f"sum{f' by ({by}) ' if by else ''}(rate({series}{RATE}))"


def or_zero(expression: str) -> str:
    """For counters that do not exist before their first event."""
    return f"{expression} or vector(0)"


def per_minute(series: str, by: str = "") -> str:
    """For what happens seldom: unlike a rate, it shows the very first event, too."""
    return f"sum{f' by ({by}) ' if by else ''}(increase({series}[1m]))"


def quantile(share: float, series: str, by: str = "", window: str = "$__rate_interval") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (increase({series}_bucket[{window}])))"


def percentiles(series: str) -> list[Query]:
    return [Query(quantile(share, series), f"p{round(share * 100)}") for share in (0.5, 0.95, 0.99)]


def error_share() -> str:
    """0 and not nothing for a service that has answered everything."""

    def answers(series: str) -> str:
        return f"sum by (service_name) (increase({series}{RATE}))"

    everything = answers(f"{REQUESTS}_count")
    errors = answers(f'{REQUESTS}_count{{http_response_status_code=~"5.."}}')
    return f"({errors} or {everything} * 0) / {everything}"


def hit_share() -> str:
    """Over five minutes, as above; nothing while nobody asks, 0 while all asks are in vain."""
    asked = counter(telemetry.CACHE_REQUESTS)
    everything = f"sum(increase({asked}[5m]))"
    hits = f'sum(increase({asked}{{result=~"hit|negative|stale"}}[5m]))'
    return f"({hits} or {everything} * 0) / ({everything} > 0)"


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

SERVICES = Row(
    "Requests",
    [
        Panel(
            "Rate",
            "Requests per second that each service answers. A service without traffic while "
            "others have some: does the one before it reach it?",
            [Query(rate(f"{REQUESTS}_count", "service_name"), "{{service_name}}")],
            unit="reqps",
            links=SERVICE_LINKS,
        ),
        Panel(
            "Errors",
            "Share of answers with status 5xx. The service at the end of the chain that has "
            "them is the cause; follow the link to its logs and traces.",
            [Query(error_share(), "{{service_name}}")],
            unit="percentunit",
            warn=0.01,
            bad=0.05,
            links=SERVICE_LINKS,
        ),
        Panel(
            "Latency, p95",
            "Each service includes what it waits for. Where the step between two lines is "
            "large, the time is lost; the traces show on what.",
            [Query(quantile(0.95, REQUESTS, "service_name"), "{{service_name}}")],
            unit="s",
            warn=0.5,
            bad=2,
            links=SERVICE_LINKS,
        ),
        Panel(
            "Slowest operations, p95",
            "Of all spans, SQL and Redis included. An SQL statement among them: is an index "
            "missing, or is the disk busy?",
            [
                Query(
                    "topk(8, "
                    + quantile(
                        0.95, "traces_span_metrics_duration_seconds", "service_name, span_name"
                    )
                    + ")",
                    "{{service_name}} {{span_name}}",
                )
            ],
            unit="s",
            links=SERVICE_LINKS,
        ),
        Panel(
            "Answers at the edge",
            "What nginx answered, by status. 429: a client is over its limit; 502 to 504: the "
            "frontend is away or slow.",
            [
                Query(
                    '{service.name="nginx"} "log.file.name":="access.log" '
                    '| stats by ("http.response.status_code") count() answers',
                    "{{http.response.status_code}}",
                    LOGS,
                    "statsRange",
                )
            ],
            stacked=True,
        ),
        Panel(
            "Who calls whom",
            "Drawn from traces. A caller that surprises is a wrong address in somebody's settings.",
            [Query("", source=TRACES, query_type="dependencyGraph")],
            kind="nodeGraph",
        ),
        Panel(
            "Gateway",
            "Requests repeated and refused by the gateway. Repeats: a backend closes "
            "connections or restarts; refusals: it is slower than what comes in.",
            [
                Query(or_zero(rate(counter(telemetry.GATEWAY_RETRIES))), "repeated"),
                Query(or_zero(rate(counter(telemetry.GATEWAY_SHED))), "refused"),
            ],
            unit="reqps",
            warn=1,
        ),
        Panel(
            "Under way",
            "Requests that the gateway waits for. At its limit it refuses; a line that stays "
            "high is a backend that hangs.",
            [Query(f"sum by (upstream) ({gauge(telemetry.GATEWAY_IN_FLIGHT)})", "{{upstream}}")],
        ),
        Panel(
            "Cache hits",
            "Share of look-ups that needed no database. Low for long: is the cache Redis up, is "
            "it evicting (Redis below)?",
            [
                Query(
                    hit_share(),
                    "hits",
                )
            ],
            unit="percentunit",
            most=1,
        ),
    ],
)

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

RESOURCES = Row(
    "Containers and machine",
    [
        Panel(
            "Memory of its limit",
            "Working set. Above 80 % the alert ContainerMemoryShort fires; at 100 % the kernel "
            "kills.",
            [
                Query(
                    "container_memory_working_set_bytes / (container_spec_memory_limit_bytes > 0)",
                    "{{name}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.8,
            bad=0.9,
            width=12,
            height=9,
        ),
        Panel(
            "CPU",
            "Cores in use by each service, its replicas added. One Python process uses one core "
            "at most: at 1 per replica it needs more replicas.",
            [Query(rate("container_cpu_usage_seconds_total", "service"), "{{service}}")],
            unit="short",
            width=12,
            height=9,
        ),
        Panel(
            "Kills and starts",
            "Processes killed for memory, and containers started. Either one apart from an "
            "upgrade: the container's log, and the alerts ContainerKilled and ContainerRestarts.",
            [
                Query("sum(increase(container_oom_events_total[5m]))", "killed"),
                Query(
                    "sum(changes(container_start_time_seconds[5m]))",
                    "started",
                ),
            ],
        ),
        Panel(
            "Machine: CPU",
            "Share in use, and the share of time that something waited for a core. Waiting "
            "above a tenth: the figures above are those of a machine that is too small.",
            [
                Query(f'1 - avg(rate(node_cpu_seconds_total{{mode="idle"}}{RATE}))', "in use"),
                Query(f"rate(node_pressure_cpu_waiting_seconds_total{RATE})", "waiting"),
            ],
            unit="percentunit",
            most=1,
            warn=0.9,
        ),
        Panel(
            "Machine: memory and disk",
            "Share in use. Disk above 90 %: `docker system df` names what is large.",
            [
                Query("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "memory"),
                Query(
                    "1 - node_filesystem_avail_bytes / node_filesystem_size_bytes",
                    "disk {{mountpoint}}",
                ),
            ],
            unit="percentunit",
            most=1,
            warn=0.9,
        ),
    ],
)

TELEMETRY = Row(
    "Telemetry and logs",
    [
        Panel(
            "Received by the collector",
            "Spans, points and lines per second. A line that falls to zero: its senders cannot "
            "reach the collector.",
            [
                Query(rate("otelcol_receiver_accepted_spans_total"), "spans"),
                Query(rate("otelcol_receiver_accepted_metric_points_total"), "metric points"),
                Query(rate("otelcol_receiver_accepted_log_records_total"), "log lines"),
            ],
            unit="cps",
        ),
        Panel(
            "Waiting for a store",
            "Share of each queue on disk. It grows while a store is away; when it is full the "
            "newest is dropped.",
            [
                Query(
                    "otelcol_exporter_queue_size / otelcol_exporter_queue_capacity",
                    "{{data_type}}",
                )
            ],
            unit="percentunit",
            most=1,
            warn=0.5,
            bad=0.9,
        ),
        Panel(
            "Lines by severity",
            "All logs. A burst of warnings or errors: the panel below has them.",
            [
                Query(
                    "* | stats by (severity_text) count() lines",
                    "{{severity_text}}",
                    LOGS,
                    "statsRange",
                )
            ],
            stacked=True,
        ),
        Panel(
            "Warnings and errors",
            "Newest first. A line with a trace id links to its trace; search all logs under "
            "Explore, VictoriaLogs.",
            [
                Query(
                    "severity_text:in(WARN, WARNING, ERROR, FATAL, CRITICAL)",
                    source=LOGS,
                    query_type="instant",
                )
            ],
            kind="logs",
            width=24,
            height=12,
        ),
    ],
)


def overview() -> Json:
    return dashboard(
        "arloji-overview",
        "Arloji",
        "Whether the shop takes orders, and what limits it.",
        [ORDERS, SERVICES, SERVERS, RESOURCES, TELEMETRY],
    )
