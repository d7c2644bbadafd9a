"""The CLIENT span of a request to another service, and its metric, by OpenTelemetry's semantic
conventions for HTTP (https://opentelemetry.io/docs/specs/semconv/http/)."""

import random
from time import perf_counter
from urllib.parse import urlsplit

from opentelemetry import metrics, trace
from opentelemetry.instrumentation.utils import is_http_instrumentation_enabled
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode

from servicekit.telemetry.http_conventions import (
    DURATION_BOUNDS,
    Attributes,
    is_measured,
    known_method,
    trace_header,
)
from servicekit.telemetry.known_attributes import Attributed

Headers = list[tuple[bytes, bytes]]


class ClientSpans:
    """Of one service at `base_url`."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._base_url = base_url.rstrip("/")
        self._server: Attributes = {"server.address": parts.hostname or ""}
        if parts.port:
            self._server["server.port"] = parts.port
        self._tracer = trace.get_tracer("arloji.http_client")
        self._duration = metrics.get_meter("arloji.http_client").create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=DURATION_BOUNDS,
        )
        self._measures, self._known = is_measured(), Attributed()

    def begin(
        self, method: str, target: str, headers: Headers, *, resends: int = 0
    ) -> "ClientSpan | None":
        """Adds the trace to `headers`. None where nothing is recorded or measured."""
        parent = trace.get_current_span()
        context = parent.get_span_context()
        unrecorded = context.is_valid and not parent.is_recording()
        if unrecorded and not self._measures:
            # No sampler records the child of what it did not record in this same process, so only
            # an id is needed.
            _propagate(context, random.getrandbits(64) or 1, headers)
            return None
        if not is_http_instrumentation_enabled():
            return None  # `untraced`
        known = known_method(method)
        measured: Attributes = {"http.request.method": known, **self._server}
        attributes: Attributes = {**measured, "url.full": self._base_url + target}
        if known == "_OTHER":
            attributes["http.request.method_original"] = method
        if resends:
            attributes["http.request.resend_count"] = resends
        name = "HTTP" if known == "_OTHER" else known
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        made = span.get_span_context()
        if made.is_valid:
            _propagate(made, made.span_id, headers)
        return ClientSpan(span, self._duration, measured, self._known)


def _propagate(context: SpanContext, span_id: int, headers: Headers) -> None:
    """W3C Trace Context, which is what all services of the shop speak."""
    headers.append((b"traceparent", trace_header(context, span_id)))
    if context.trace_state:
        headers.append((b"tracestate", context.trace_state.to_header().encode("ascii")))


class ClientSpan:
    """Ends with the headers of the answer, or with what came instead."""

    __slots__ = ("_began", "_duration", "_known", "_measured", "_span")

    def __init__(
        self, span: Span, duration: metrics.Histogram, measured: Attributes, known: Attributed
    ) -> None:
        self._span, self._duration, self._measured = span, duration, measured
        self._known, self._began = known, perf_counter()

    def answered(self, status: int) -> None:
        self._measured["http.response.status_code"] = status
        self._span.set_attribute("http.response.status_code", status)
        if status >= 400:
            self._end_with_error(str(status), "")
        self._end()

    def failed(self, error: BaseException) -> None:
        kind = type(error).__qualname__
        self._end_with_error(kind, kind)
        self._span.record_exception(error)
        self._end()

    def _end_with_error(self, kind: str, description: str) -> None:
        self._measured["error.type"] = kind
        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR, description or None)

    def _end(self) -> None:
        self._span.end()
        took = perf_counter() - self._began
        self._duration.record(took, self._known(*self._measured.items()))
