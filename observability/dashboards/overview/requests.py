"""What the services answer, how fast, and who calls whom."""

from contracts import telemetry
from observability.dashboards.links import logs_of_service, traces_of_service
from observability.dashboards.names import counter, gauge
from observability.dashboards.overview.queries import RATE, or_zero, quantile, rate
from observability.dashboards.panels import LOGS, TRACES, Panel, Query, Row

REQUESTS = "http_server_request_duration_seconds"
SERVICE_LINKS = (logs_of_service(), traces_of_service())


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


REQUESTS_ROW = Row(
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
            "frontend is unavailable or slow.",
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
