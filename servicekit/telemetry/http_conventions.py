"""What spans and metrics of both sides of HTTP share, by OpenTelemetry's semantic conventions
(https://opentelemetry.io/docs/specs/semconv/http/)."""

from opentelemetry import metrics
from opentelemetry.trace import SpanContext

Attributes = dict[str, str | int]

# Advised for http.server.request.duration and http.client.request.duration, in seconds.
DURATION_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY")
)


def known_method(method: str, unknown: str = "_OTHER") -> str:
    """`unknown` for what is none of the standard's, so that nobody can invent series."""
    return method if method in _METHODS else unknown


def is_measured() -> bool:
    """What the API gives where no provider was set records nothing, and cannot be flushed."""
    return hasattr(metrics.get_meter_provider(), "force_flush")


def trace_header(context: SpanContext, span_id: int) -> bytes:
    """As `traceparent` and `traceresponse` have it (W3C Trace Context)."""
    trace_id, _, _, flags, _, _ = context
    return b"00-%032x-%016x-%02x" % (trace_id, span_id, flags)
