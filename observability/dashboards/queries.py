"""Queries in the forms that several panels share."""

from contracts.services import SERVICE_NAMES
from observability.dashboards.layout import choice_variable
from observability.dashboards.panels import Json, Query

RATE = "[$__rate_interval]"
SERVER = "http_server_request_duration_seconds"
CLIENT = "http_client_request_duration_seconds"
SPANS = "traces_span_metrics_duration_seconds"
# Every request that nginx answered.
ACCESS_LOG = '{service.name="nginx"} "log.file.name":="access.log"'
# The queue as its Redis has it: consumers that are gone report nothing. An entry's id is when it
# was accepted, in milliseconds.
STREAM = '{instance="queue-redis", stream="orders"}'
STREAM_LENGTH = f"max(redis_stream_length{STREAM})"
STREAM_AGE = (
    f"max(timestamp(redis_stream_first_entry_id{STREAM}) "
    f"- redis_stream_first_entry_id{STREAM} / 1000 and redis_stream_length{STREAM} > 0) "
    f"or {STREAM_LENGTH} * 0"
)
# The variable `service`, as a label of metrics.
CHOSEN = 'service_name=~"$service"'


def service_variable(*others: str) -> Json:
    return choice_variable("service", "Service", [*SERVICE_NAMES, *others])


def rate(series: str, by: str = "") -> str:
    return f"sum{f' by ({by}) ' if by else ''}(rate({series}{RATE}))"


def or_zero(expression: str) -> str:
    """For counters that do not exist before their first event; no line more once they do."""
    return f"{expression} or on () vector(0)"


def per_minute(series: str, by: str = "") -> str:
    """For what happens seldom: unlike a rate, it shows the very first event, too."""
    return f"sum{f' by ({by}) ' if by else ''}(increase({series}[1m]))"


def in_range(series: str) -> str:
    """How often in all the time that is shown, for an instant query."""
    return or_zero(f"sum(increase({series}[$__range]))")


def quantile(share: float, series: str, by: str = "", labels: str = "") -> str:
    kept = f"le, {by}" if by else "le"
    chosen = f"{{{labels}}}" if labels else ""
    return f"histogram_quantile({share}, sum by ({kept}) (increase({series}_bucket{chosen}{RATE})))"


def percentiles(series: str, labels: str = "") -> list[Query]:
    return [
        Query(quantile(share, series, labels=labels), f"p{round(share * 100)}")
        for share in (0.5, 0.95, 0.99)
    ]


def share_of(part: str, whole: str) -> str:
    """0 and not nothing where all is well; nothing while there is no traffic."""
    return f"({part} or {whole} * 0) / ({whole} > 0)"
