"""The OTLP exporters of each signal, imported only where one is exported."""

import logging
from collections.abc import Sequence

from opentelemetry import metrics
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.http.transport._urllib3 import Urllib3HTTPTransport
from opentelemetry.exporter.otlp.proto.http import _common
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from servicekit.telemetry.light_metrics import LightMeterProvider
from servicekit.telemetry.shutdown import Telemetry
from servicekit.telemetry.span_encoding import SpanEncoder

# The lighter of the two transports that come with the exporters, between which no setting chooses:
# to load requests takes half as long as to load this module.
_common.RequestsHTTPTransport = Urllib3HTTPTransport  # type: ignore[misc, assignment]

# Of the SDK's own metrics: a histogram of each exporter, and what changes too fast to be seen.
_LEFT_OUT = ("otel.sdk.exporter.operation.duration", "otel.sdk.exporter.*.inflight")


class SpanExporter(OTLPSpanExporter):
    """The official one, which sends, tries again and gives up as ever, with our own encoding."""

    _encoder = SpanEncoder()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._shutdown:
            return SpanExportResult.FAILURE
        with self._metrics.export_operation(len(spans)) as outcome:
            sent = self._client.export(self._encoder.encode(spans))
            outcome.error = sent.error
        return SpanExportResult.SUCCESS if sent.success else SpanExportResult.FAILURE


def export_traces(telemetry: Telemetry, traces: TracerProvider, timeout_seconds: float) -> None:
    exporter = telemetry.monitor(SpanExporter(timeout=timeout_seconds))
    traces.add_span_processor(BatchSpanProcessor(exporter))


def export_metrics(
    telemetry: Telemetry, resource: Resource, timeout_seconds: float
) -> LightMeterProvider:
    exporter = telemetry.monitor(OTLPMetricExporter(timeout=timeout_seconds))
    meters = LightMeterProvider([PeriodicExportingMetricReader(exporter)], resource, _LEFT_OUT)
    metrics.set_meter_provider(meters)
    telemetry.shutdowns.append(meters.shutdown)
    return meters


def export_logs(telemetry: Telemetry, resource: Resource, timeout_seconds: float) -> None:
    exporter = telemetry.monitor(OTLPLogExporter(timeout=timeout_seconds))
    logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
    logs.add_log_record_processor(BatchLogRecordProcessor(exporter))
    set_logger_provider(logs)
    handler = _ExportingHandler(logger_provider=logs)
    # The exporters' own complaints must not be exported: a dead collector would feed itself.
    handler.addFilter(lambda record: not record.name.startswith(("opentelemetry", "urllib3")))
    logging.getLogger().addHandler(handler)
    telemetry.shutdowns.append(logs.shutdown)


class _ExportingHandler(LoggingHandler):
    def flush(self) -> None:
        """Nothing: `Telemetry.shutdown` has flushed the provider when logging comes by at exit,
        where starting a thread, as the inherited one does, fails from Python 3.12 on."""
