"""OTLP messages for tests of the receiver, and a client that calls it without a socket."""

from collections.abc import Iterable, Mapping
from typing import Any

import httpx
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from starlette.applications import Starlette

from local.receiver.app import create_app
from local.receiver.store import Limits

PROTOBUF = {"content-type": "application/x-protobuf"}
SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND


def receiver(app: Starlette | None = None, **limits: Any) -> httpx.AsyncClient:
    """An exception inside the receiver is raised in the test instead of becoming a 500."""
    transport = httpx.ASGITransport(app or create_app(Limits(**limits)))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4318")


def any_value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=value)


def pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def trace_id(number: int) -> str:
    return f"{number:032x}"


def span_id(number: int) -> str:
    return f"{number:016x}"


def span(
    trace: int = 1,
    number: int = 1,
    *,
    parent: int = 0,
    name: str = "work",
    start_ms: float = 0,
    length_ms: float = 1,
    attributes: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Span:
    start = START + int(start_ms * 1e6)
    return Span(
        trace_id=bytes.fromhex(trace_id(trace)),
        span_id=bytes.fromhex(span_id(number)),
        parent_span_id=bytes.fromhex(span_id(parent)) if parent else b"",
        name=name,
        start_time_unix_nano=start,
        end_time_unix_nano=start + int(length_ms * 1e6),
        attributes=pairs(attributes or {}),
        **fields,
    )


def resource(service: str, attributes: Mapping[str, Any] | None = None) -> Resource:
    return Resource(attributes=pairs({"service.name": service, **(attributes or {})}))


def traces_of(service: str, spans: Iterable[Span], scope: str = "tests") -> bytes:
    groups = [ScopeSpans(scope=InstrumentationScope(name=scope), spans=spans)]
    message = ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource(service), scope_spans=groups)]
    )
    return bytes(message.SerializeToString())


def logs_of(service: str, records: Iterable[LogRecord]) -> bytes:
    groups = [ScopeLogs(scope=InstrumentationScope(name="tests"), log_records=records)]
    message = ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=resource(service), scope_logs=groups)]
    )
    return bytes(message.SerializeToString())


def log(body: str, *, trace: int = 0, number: int = 0, ms: float = 0, **fields: Any) -> LogRecord:
    return LogRecord(
        time_unix_nano=START + int(ms * 1e6),
        severity_number=fields.pop("severity", 9),
        body=any_value(body),
        trace_id=bytes.fromhex(trace_id(trace)) if trace else b"",
        span_id=bytes.fromhex(span_id(number)) if number else b"",
        **fields,
    )


def metrics_of(service: str, metrics: Iterable[Metric], scope: str = "tests") -> bytes:
    groups = [ScopeMetrics(scope=InstrumentationScope(name=scope), metrics=metrics)]
    message = ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(resource=resource(service), scope_metrics=groups)]
    )
    return bytes(message.SerializeToString())


async def send_spans(client: httpx.AsyncClient, service: str, *spans: Span) -> httpx.Response:
    return await client.post("/v1/traces", content=traces_of(service, spans), headers=PROTOBUF)


async def send_logs(client: httpx.AsyncClient, service: str, *records: LogRecord) -> httpx.Response:
    return await client.post("/v1/logs", content=logs_of(service, records), headers=PROTOBUF)


async def send_metrics(client: httpx.AsyncClient, service: str, *metrics: Metric) -> httpx.Response:
    return await client.post("/v1/metrics", content=metrics_of(service, metrics), headers=PROTOBUF)
