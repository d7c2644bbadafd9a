"""OTLP export requests as the receiver's records."""

from collections.abc import Iterator
from typing import Any
from weakref import WeakValueDictionary

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from contracts.telemetry import ORDER_ID
from local.receiver.records import LogLine, Origin, SpanRecord
from local.receiver.values import attributes_of, text_of, value_of

SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
MAX_NAME_LENGTH = 100


def severity_name(number: int) -> str:
    """Four numbers share each name (OpenTelemetry logs data model, SeverityNumber)."""
    return SEVERITIES[(number - 1) // 4] if 1 <= number <= 24 else "UNSET"


def hex_id(raw: bytes, length: int) -> str:
    """The id as hex, or "" for one that is absent, all zeroes or of the wrong length."""
    return raw.hex() if len(raw) == length and any(raw) else ""


class Origins:
    """Gives equal resource and scope pairs one shared `Origin`, for as long as a record uses it."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[bytes, Origin] = WeakValueDictionary()

    def of(self, resource: Any, scope: Any) -> Origin:
        """Of `Resource…` and `Scope…` messages of any signal: all have the same first fields."""
        envelope: bytes = ResourceSpans(
            resource=resource.resource,
            schema_url=resource.schema_url,
            scope_spans=[ScopeSpans(scope=scope.scope, schema_url=scope.schema_url)],
        ).SerializeToString(deterministic=True)
        origin = self._known.get(envelope)
        if origin is None:
            about = attributes_of(resource.resource.attributes)
            origin = Origin(
                service=text_of(about.get("service.name") or "unknown")[:MAX_NAME_LENGTH],
                instance=text_of(about.get("service.instance.id") or "")[:MAX_NAME_LENGTH],
                scope=scope.scope.name,
                envelope=envelope,
            )
            self._known[envelope] = origin
        return origin


def decode_spans(
    request: ExportTraceServiceRequest, origins: Origins
) -> Iterator[SpanRecord | None]:
    """Yields None for a span without a valid trace or span id."""
    for resource_spans in request.resource_spans:
        for group in filter(lambda one: one.spans, resource_spans.scope_spans):
            origin = origins.of(resource_spans, group)
            for span in group.spans:
                yield _span_record(span, origin)


def _span_record(span: Span, origin: Origin) -> SpanRecord | None:
    trace_id, span_id = hex_id(span.trace_id, 16), hex_id(span.span_id, 8)
    if not trace_id or not span_id:
        return None
    order_ids = (text_of(value_of(pair.value)) for pair in span.attributes if pair.key == ORDER_ID)
    return SpanRecord(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=hex_id(span.parent_span_id, 8),
        name=span.name,
        kind=span.kind,
        started_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        failed=span.status.code == Status.STATUS_CODE_ERROR and not _was_refused(span),
        order_id=next(order_ids, "")[:MAX_NAME_LENGTH],
        origin=origin,
        raw=span.SerializeToString(),
    )


def _was_refused(span: Span) -> bool:
    """By the HTTP conventions a 4xx answer is an error of the client span and none of the server's;
    a request that its customer got wrong is no failure of the shop."""
    return span.kind == Span.SPAN_KIND_CLIENT and any(
        pair.key == "http.response.status_code" and 400 <= pair.value.int_value < 500
        for pair in span.attributes
    )


def decode_logs(request: ExportLogsServiceRequest, origins: Origins) -> Iterator[LogLine]:
    for resource_logs in request.resource_logs:
        for group in filter(lambda one: one.log_records, resource_logs.scope_logs):
            origin = origins.of(resource_logs, group)
            for record in group.log_records:
                yield _log_line(record, origin)


def _log_line(record: LogRecord, origin: Origin) -> LogLine:
    return LogLine(
        time_ns=record.time_unix_nano or record.observed_time_unix_nano,
        severity_number=record.severity_number,
        severity=severity_name(record.severity_number),
        body=text_of(value_of(record.body)) if record.HasField("body") else record.event_name,
        trace_id=hex_id(record.trace_id, 16),
        span_id=hex_id(record.span_id, 8),
        origin=origin,
        raw=record.SerializeToString(),
    )
