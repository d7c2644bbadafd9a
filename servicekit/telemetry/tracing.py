"""The current trace, by OpenTelemetry's API."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.instrumentation.propagators import TraceResponsePropagator
from opentelemetry.instrumentation.utils import suppress_instrumentation


def tracer() -> trace.Tracer:
    return trace.get_tracer("arloji")


@contextmanager
def untraced() -> Iterator[None]:
    """No spans inside: for polling and probes, which would drown what matters."""
    with suppress_instrumentation():
        yield


def current_trace_id() -> str | None:
    """The trace under way as 32 hex digits, None outside of any."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def trace_response_headers() -> dict[str, str]:
    """`traceresponse` for the trace under way: for answers that no instrumentation sees."""
    headers: dict[str, str] = {}
    TraceResponsePropagator().inject(headers)
    return headers
