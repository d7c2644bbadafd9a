"""Log records and spans of the real SDK on their way to a collector, each sent at once, and what
arrived of them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Span, Tracer, format_trace_id

from tests.collectors import Pipeline


def resource_of(service: str) -> Resource:
    return Resource(
        {
            "service.name": service,
            "service.namespace": "arloji",
            "process.pid": 4711,
            "host.id": "x",
        }
    )


@contextmanager
def sending_logs(pipeline: Pipeline, timeout_seconds: float = 10) -> Iterator[logging.Logger]:
    provider = LoggerProvider(resource=resource_of("sdk"), shutdown_on_exit=False)
    endpoint = f"{pipeline.collector.otlp_url}/v1/logs"
    exporter = OTLPLogExporter(endpoint=endpoint, timeout=timeout_seconds)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = logging.getLogger("tests.sender")
    handler = LoggingHandler(logger_provider=provider)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        provider.shutdown()


@contextmanager
def sending_spans(pipeline: Pipeline, service: str = "sdk") -> Iterator[Tracer]:
    """Each span when it ends, in a request of its own."""
    provider = TracerProvider(resource=resource_of(service), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{pipeline.collector.otlp_url}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    try:
        yield provider.get_tracer("tests")
    finally:
        provider.shutdown()


def trace_id_of(span: Span) -> str:
    return format_trace_id(span.get_span_context().trace_id)


def messages(pipeline: Pipeline, prefix: str) -> list[str]:
    return [line["_msg"] for line in pipeline.logs.query(f'_msg:~"^{prefix} "')]


def spans_of(pipeline: Pipeline, trace_id: str) -> str:
    """As OTLP JSON, empty while it has not arrived."""
    # Plain http: loading certificates would take longer than the answer.
    answer = httpx.get(f"{pipeline.receiver.url}/api/traces/{trace_id}", verify=False)
    return answer.text if answer.is_success else ""
