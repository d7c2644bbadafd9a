"""The CLIENT span of a request to another service, and its metric, by OpenTelemetry's semantic
conventions for HTTP (https://opentelemetry.io/docs/specs/semconv/http/)."""

import random
from functools import lru_cache
from time import perf_counter
from urllib.parse import urlsplit

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_http_instrumentation_enabled
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode

from servicekit.telemetry.current_span import current_context, holds_only_a_span, span_in
from servicekit.telemetry.http_conventions import (
    DURATION_BOUNDS,
    Attributes,
    is_measured,
    known_method,
    trace_header,
)
from servicekit.telemetry.known_attributes import MOST_KNOWN, KnownAttributes

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
        self.duration = metrics.get_meter("arloji.http_client").create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=DURATION_BOUNDS,
        )
        self._measures = is_measured()
        self.measured_as = lru_cache(maxsize=MOST_KNOWN)(self._describe)

    def begin(
        self, method: str, target: str, headers: Headers, *, resends: int = 0
    ) -> "ClientSpan | None":
        """Adds the trace to `headers`. None where nothing is recorded or measured."""
        current = current_context()
        if not self._measures:
            parent = span_in(current)
            context = parent.get_span_context()
            if context.is_valid and not parent.is_recording():
                # No sampler records the child of what it did not record in this same process, so
                # only an id is needed.
                _propagate(context, random.getrandbits(64) or 1, headers)
                return None
        if not (holds_only_a_span(current) or is_http_instrumentation_enabled()):
            return None  # `untraced`
        known = known_method(method)
        attributes: Attributes = {
            "http.request.method": known,
            **self._server,
            "url.full": self._base_url + target,
        }
        if known == "_OTHER":
            attributes["http.request.method_original"] = method
        if resends:
            attributes["http.request.resend_count"] = resends
        name = "HTTP" if known == "_OTHER" else known
        span = self._tracer.start_span(name, current, SpanKind.CLIENT, attributes)
        made = span.get_span_context()
        if made.is_valid:
            _propagate(made, made.span_id, headers)
        return ClientSpan(self, span, known, current)

    def _describe(self, method: str, status: int, error: str) -> KnownAttributes:
        """Of its metric; what is empty is not known."""
        found: Attributes = {"http.request.method": method, **self._server}
        if status:
            found["http.response.status_code"] = status
        if error:
            found["error.type"] = error
        return KnownAttributes(found)


def _propagate(context: SpanContext, span_id: int, headers: Headers) -> None:
    """W3C Trace Context, which is what all services of the shop speak."""
    headers.append((b"traceparent", trace_header(context, span_id)))
    if context.trace_state:
        headers.append((b"tracestate", context.trace_state.to_header().encode("ascii")))


class ClientSpan:
    """Ends with the headers of the answer, or with what came instead."""

    __slots__ = ("_began", "_context", "_method", "_of", "_span")

    def __init__(self, of: ClientSpans, span: Span, method: str, context: Context) -> None:
        self._of, self._span, self._method, self._context = of, span, method, context
        self._began = perf_counter()

    def answered(self, status: int) -> None:
        error = str(status) if status >= 400 else ""
        self._span.set_attribute("http.response.status_code", status)
        if error:
            self._span.set_attribute("error.type", error)
            self._span.set_status(StatusCode.ERROR)
        self._end(status, error)

    def failed(self, error: BaseException) -> None:
        kind = type(error).__qualname__
        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR, kind)
        self._span.record_exception(error)
        self._end(0, kind)

    def _end(self, status: int, error: str) -> None:
        self._span.end()
        took = perf_counter() - self._began
        attributes = self._of.measured_as(self._method, status, error)
        self._of.duration.record(took, attributes, self._context)
