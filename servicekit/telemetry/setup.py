"""Set-up of the SDK and its exporters, which nothing else imports.

A signal is exported if an endpoint is set for it (`environment.py`), else nothing leaves the
process. Trace ids exist either way, so that an error answer and its log line name each other.
"""

import logging
import os
import socket
from collections.abc import Callable

from opentelemetry import metrics, trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.instrumentation.propagators import (
    TraceResponsePropagator,
    set_global_response_propagator,
)
from opentelemetry.propagate import set_global_textmap
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from servicekit import TAKEN_VARIABLES, __version__
from servicekit.telemetry.environment import (
    STABILITY,
    STABILITY_VARIABLE,
    clean_variables,
    take_choice,
)
from servicekit.telemetry.process_metrics import observe_process
from servicekit.telemetry.shutdown import Telemetry, rate_limit_logs


def configure_telemetry(
    service_name: str, *, port: int = 0, extra_span_processors: tuple[SpanProcessor, ...] = ()
) -> Telemetry:
    """Set the process-wide providers. Call once, after logging is configured.

    `port` tells this process from others of its host. `extra_span_processors` is for tests that
    look at spans in memory; it records without an exporter too.
    """
    variables = dict(TAKEN_VARIABLES)
    if complaints := clean_variables(variables):
        logging.getLogger(__name__).warning("telemetry: %s", "; ".join(complaints))
    timeouts = take_choice(variables)
    os.environ |= variables
    os.environ[STABILITY_VARIABLE] = STABILITY
    set_global_textmap(TraceContextTextMapPropagator())  # no baggage: nothing reads it
    set_global_response_propagator(TraceResponsePropagator())  # type: ignore[no-untyped-call]
    resource = _describe_process(service_name, port)
    traces = TracerProvider(
        resource=resource,
        sampler=None if "traces" in timeouts or extra_span_processors else ALWAYS_OFF,
        shutdown_on_exit=False,
    )
    for processor in extra_span_processors:
        traces.add_span_processor(processor)
    trace.set_tracer_provider(traces)
    telemetry = Telemetry([traces.shutdown])
    if timeouts:
        rate_limit_logs()
    if "traces" in timeouts:
        span_exporter = telemetry.monitor(OTLPSpanExporter(timeout=timeouts["traces"]))
        traces.add_span_processor(BatchSpanProcessor(span_exporter))
    if "metrics" in timeouts:
        metric_exporter = telemetry.monitor(OTLPMetricExporter(timeout=timeouts["metrics"]))
        telemetry.shutdowns.append(_export_metrics(metric_exporter, resource))
    if "logs" in timeouts:
        log_exporter = telemetry.monitor(OTLPLogExporter(timeout=timeouts["logs"]))
        telemetry.shutdowns.append(_export_logs(log_exporter, resource))
    return telemetry


def _export_metrics(exporter: OTLPMetricExporter, resource: Resource) -> Callable[[], None]:
    meters = MeterProvider(
        resource=resource,
        metric_readers=[PeriodicExportingMetricReader(exporter)],
        shutdown_on_exit=False,
    )
    metrics.set_meter_provider(meters)
    observe_process(meters.get_meter("arloji"))
    return meters.shutdown


def _export_logs(exporter: OTLPLogExporter, resource: Resource) -> Callable[[], None]:
    logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
    logs.add_log_record_processor(BatchLogRecordProcessor(exporter))
    set_logger_provider(logs)
    _export_log_records(logs)
    return logs.shutdown


def _describe_process(service_name: str, port: int) -> Resource:
    # Replicas need an id each, or their metrics would overwrite each other. The SDK's own is new
    # with every start, and so would be every series; container and pod names outlive a restart.
    instance = f"{socket.gethostname()}:{port}"
    chosen = OTELResourceDetector().detect().attributes
    return Resource.create(
        {
            "service.name": service_name,
            "service.namespace": "arloji",
            # An image names the release that it was built for.
            "service.version": chosen.get("service.version", __version__),
            "service.instance.id": chosen.get("service.instance.id", instance),
        }
    )


class _ExportingHandler(LoggingHandler):
    def flush(self) -> None:
        """Nothing: `Telemetry.shutdown` has flushed the provider when logging comes by at exit,
        where starting a thread, as the inherited one does, fails from Python 3.12 on."""


def _export_log_records(provider: LoggerProvider) -> None:
    handler = _ExportingHandler(logger_provider=provider)
    # The exporters' own complaints must not be exported: a dead collector would feed itself.
    handler.addFilter(lambda record: not record.name.startswith(("opentelemetry", "urllib3")))
    logging.getLogger().addHandler(handler)
