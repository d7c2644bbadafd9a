"""The SERVER span and the metrics of a request by the stable HTTP semantic conventions, for what
is pure ASGI; FastAPI's routes have those of its instrumentation, with the same names."""

import random
import time
from collections.abc import Awaitable
from functools import lru_cache
from importlib.metadata import version

from opentelemetry import context, metrics, trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode
from starlette.types import Message, Scope, Send

from servicekit.telemetry.current_span import attach, detach, with_span
from servicekit.telemetry.http_conventions import (
    DURATION_BOUNDS,
    Attributes,
    is_measured,
    known_method,
    trace_header,
)
from servicekit.telemetry.known_attributes import MOST_KNOWN, KnownAttributes
from servicekit.telemetry.request_head import content_length, parent_of, request_attributes

# The instrumentation's own, so that a process with both has one series of each kind: stores
# drop the scope.
_METER = "opentelemetry.instrumentation.fastapi"
_SCHEMA = "https://opentelemetry.io/schemas/1.21.0"
_KEY = "arloji.server_request"
_NO_CONTEXT = context.Context()
EXPOSED = (b"access-control-expose-headers", b"traceresponse")


def name_route(scope: Scope, route: str) -> None:
    """Say which template the path fits: `http.route` of span and metrics, and the span's name.
    Without it the path counts as that of no route."""
    if (request := scope.get(_KEY)) is not None:
        request.route = route


def describe(scope: Scope, key: str, value: str) -> None:
    """An attribute of its span, if that is recorded."""
    if (request := scope.get(_KEY)) is not None:
        request.describe(key, value)


@lru_cache(maxsize=MOST_KNOWN)
def _active_as(method: str, scheme: str) -> KnownAttributes:
    return KnownAttributes({"http.request.method": method, "url.scheme": scheme})


@lru_cache(maxsize=MOST_KNOWN)
def _measured_as(
    method: str, scheme: str, version: str, route: str, status: int, error: str
) -> KnownAttributes:
    """What a request was, for its metrics and its span; what is empty is not known of it."""
    found: Attributes = {
        "http.request.method": method,
        "url.scheme": scheme,
        "network.protocol.version": version,
    }
    if route:
        found["http.route"] = route
    if status:
        found["http.response.status_code"] = status
    if error:
        found["error.type"] = error
    return KnownAttributes(found)


def _unrecorded() -> SpanContext:
    """Ids of a trace of its own, so that an answer has one."""
    return SpanContext(random.getrandbits(128) or 1, random.getrandbits(64) or 1, is_remote=False)


class Answer:
    """Sends an answer on and knows whether it has begun."""

    __slots__ = ("_send", "started")

    def __init__(self, send: Send) -> None:
        self._send, self.started = send, False

    def send(self, message: Message) -> Awaitable[None]:
        self.started = True
        return self._send(message)

    def note_route(self, scope: Scope) -> None:
        """Nothing: who makes the span knows its route."""

    def fail(self, error: Exception) -> None:
        """It was cut by this exception."""

    def end(self) -> None:
        """Nothing more is sent."""


class ServerTelemetry:
    """Its instruments; begins what is recorded of a request."""

    def __init__(self) -> None:
        release = version("opentelemetry-instrumentation-fastapi")
        self.tracer = trace.get_tracer("arloji")
        meter = metrics.get_meter(_METER, release, schema_url=_SCHEMA)
        self.duration = meter.create_histogram(
            "http.server.request.duration",
            "s",
            "Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=DURATION_BOUNDS,
        )
        self.request_size = meter.create_histogram(
            "http.server.request.body.size", "By", "Size of HTTP server request bodies."
        )
        self.response_size = meter.create_histogram(
            "http.server.response.body.size", "By", "Size of HTTP server response bodies."
        )
        self.active = meter.create_up_down_counter(
            "http.server.active_requests", "{request}", "Number of active HTTP server requests."
        )
        self.measures = is_measured()

    def begin(self, scope: Scope, send: Send, *, recorded: bool = True) -> "ServerRequest":
        """From here to its `end` the span is the current one. Ids are made in any case,
        attributes only for who records them; not `recorded`, nobody does, and it is measured
        alone."""
        return ServerRequest(self, scope, send, recorded)

    def count_early(self, method: str, status: int, seconds: float) -> bytes:
        """A request that was answered before it was begun is measured as others are, by its
        duration. Returns the `traceresponse` of a trace of its own, that nobody records."""
        if self.measures:
            measured = _measured_as(known_method(method), "http", "1.1", "", status, str(status))
            self.duration.record(seconds, measured, _NO_CONTEXT)
        return b"00-%032x-%016x-00" % (random.getrandbits(128) or 1, random.getrandbits(64) or 1)


class ServerRequest(Answer):
    """One request under way. `fail` is for an exception that cut its answer."""

    __slots__ = (
        *("_active", "_began", "_context", "_error", "_recorded", "_scope", "_size", "_status"),
        *("_telemetry", "_token"),
        *("route", "span"),
    )

    def __init__(
        self, telemetry: ServerTelemetry, scope: Scope, send: Send, recorded: bool
    ) -> None:
        super().__init__(send)
        self._telemetry, self._scope = telemetry, scope
        self._began = time.perf_counter()
        self._status = self._size = 0
        self._error = self.route = ""
        scope[_KEY] = self
        parent = parent_of(scope["headers"])
        self.span: Span = (
            telemetry.tracer.start_span(
                known_method(scope["method"], "HTTP"), parent, SpanKind.SERVER
            )
            if recorded
            else NonRecordingSpan(_unrecorded())
        )
        self._recorded = self.span.is_recording()
        self._context = with_span(self.span, parent)
        self._token = attach(self._context)
        if telemetry.measures:
            self._active = _active_as(known_method(scope["method"]), scope["scheme"])
            telemetry.active.add(1, self._active, self._context)

    def send(self, message: Message) -> Awaitable[None]:
        if not self.started and message["type"] == "http.response.start":
            self.started = True
            self._status = message["status"]
            of = self.span.get_span_context()
            # W3C Trace Context level 2, and that scripts of other sites may read it.
            ids = (b"traceresponse", trace_header(of, of.span_id))
            headers = [*message.get("headers", ()), ids, EXPOSED]
            message = {**message, "headers": headers}
            if self._telemetry.measures:
                self._size = content_length(headers)
        return self._send(message)

    def describe(self, key: str, value: str) -> None:
        if self._recorded:
            self.span.set_attribute(key, value)

    def note_route(self, scope: Scope) -> None:
        """What FastAPI's router has found, unless it was said by `name_route`."""
        if not self.route and (self._recorded or self._telemetry.measures):
            found = getattr(scope.get("route"), "path_format", "")
            self.route = found or scope.get("root_path", "")  # of a mount

    def fail(self, error: Exception) -> None:
        self._error = type(error).__qualname__
        if self._recorded:
            self.span.record_exception(error)
            # Its text may quote what a customer sent.
            self.span.set_status(Status(StatusCode.ERROR, self._error))

    def end(self) -> None:
        detach(self._token)
        scope = self._scope
        # Else each would keep the other until the garbage collector finds them.
        scope.pop(_KEY, None)
        if not (self._recorded or self._telemetry.measures):
            return
        method, error = known_method(scope["method"]), self._error
        if self._status >= 500 and not error:
            error = str(self._status)
        kind = method, scope["scheme"], scope["http_version"], self.route, self._status, error
        attributes = _measured_as(*kind)
        if self._telemetry.measures:
            self._measure(attributes)
        if self._recorded:
            self._describe(attributes, method)
            self.span.end()

    def _describe(self, measured: KnownAttributes, method: str) -> None:
        span, asked = self.span, self._scope["method"]
        span.set_attributes({**measured, **request_attributes(self._scope)})
        if asked != method:
            span.set_attribute("http.request.method_original", asked)
        if self._status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        if self.route:
            span.update_name(f"{method if asked == method else 'HTTP'} {self.route}")

    def _measure(self, attributes: KnownAttributes) -> None:
        telemetry = self._telemetry
        telemetry.duration.record(time.perf_counter() - self._began, attributes, self._context)
        telemetry.active.add(-1, self._active, self._context)
        if self._size >= 0 and self.started:
            telemetry.response_size.record(self._size, attributes, self._context)
        if (asked := content_length(self._scope["headers"])) >= 0:
            telemetry.request_size.record(asked, attributes, self._context)
