"""OTLP messages for tests of the receiver, and a client that calls it without a socket."""

from collections.abc import Mapping
from typing import Any

import httpx
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from starlette.applications import Starlette

from local.receiver.app import create_app
from local.receiver.store import Limits

PROTOBUF = {"content-type": "application/x-protobuf"}
START = 1_790_000_000 * 1_000_000_000
ORDER = "0b7a1a3e-5c5e-5e9e-9d9e-1c1b1a191817"
FAILED = Status(code=Status.STATUS_CODE_ERROR, message="database is locked")


def receiver(app: Starlette | None = None, **limits: Any) -> httpx.AsyncClient:
    """An exception inside the receiver is raised in the test instead of becoming a 500."""
    transport = httpx.ASGITransport(app or create_app(Limits(**limits)))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4318")


def pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    kinds = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
    return [
        KeyValue(key=key, value=AnyValue(**{kinds[type(value)]: value}))
        for key, value in attributes.items()
    ]


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


def log(body: str, *, trace: int = 0, number: int = 0, ms: float = 0, **fields: Any) -> LogRecord:
    return LogRecord(
        time_unix_nano=START + int(ms * 1e6),
        severity_number=fields.pop("severity", 9),
        body=AnyValue(string_value=body),
        trace_id=bytes.fromhex(trace_id(trace)) if trace else b"",
        span_id=bytes.fromhex(span_id(number)) if number else b"",
        **fields,
    )


def gauge(name: str, value: float = 1, unit: str = "", **attributes: Any) -> Metric:
    number = {"as_int": value} if isinstance(value, int) else {"as_double": value}
    point = NumberDataPoint(**number, attributes=pairs(attributes))
    return Metric(name=name, unit=unit, gauge=Gauge(data_points=[point]))


def histogram(name: str, unit: str = "", **fields: Any) -> Metric:
    data = Histogram(data_points=[HistogramDataPoint(**fields)])
    return Metric(name=name, unit=unit, histogram=data)


# Path and message by what is sent; the names of the fields follow from the signal.
_SIGNALS: dict[type, tuple[str, type, str, str]] = {
    Span: ("/v1/traces", ExportTraceServiceRequest, "spans", "spans"),
    LogRecord: ("/v1/logs", ExportLogsServiceRequest, "logs", "log_records"),
    Metric: ("/v1/metrics", ExportMetricsServiceRequest, "metrics", "metrics"),
}


def export_of(service: str, *records: Any, scope: str = "tests") -> tuple[str, bytes]:
    """The path and the body of one export request."""
    path, message, signal, field = _SIGNALS[type(records[0])]
    groups = [{"scope": {"name": scope}, field: records}]
    resource = {"attributes": pairs({"service.name": service})}
    entry = {"resource": resource, f"scope_{signal}": groups}
    return path, message(**{f"resource_{signal}": [entry]}).SerializeToString()


async def send(
    client: httpx.AsyncClient, service: str, *records: Any, scope: str = "tests"
) -> httpx.Response:
    path, body = export_of(service, *records, scope=scope)
    return await client.post(path, content=body, headers=PROTOBUF)


def post(url: str, service: str, *records: Any) -> None:
    """To a receiver that runs as a process."""
    path, body = export_of(service, *records)
    answer = httpx.post(f"{url}{path}", content=body, headers=PROTOBUF)
    assert answer.is_success, answer.content
