"""All telemetry set-up, and the only file that imports the OpenTelemetry SDK.

A signal is exported if an endpoint is set for it (`servicekit.otel`), else nothing leaves the
process. Trace ids exist either way, so that an error answer and its log line name each other.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import aiohttp
import httpx
from fastapi import FastAPI
from opentelemetry import metrics, trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation._semconv import _StabilityMode
from opentelemetry.instrumentation.aiohttp_client import create_trace_config
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.instrumentation.propagators import (
    TraceResponsePropagator,
    set_global_response_propagator,
)
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.metrics import CallbackOptions, Observation
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
from redis.asyncio import Redis

from servicekit import TAKEN_VARIABLES, __version__
from servicekit.otel import STABILITY, STABILITY_VARIABLE, clean_variables, take_choice
from servicekit.process_metrics import observe_process
from servicekit.sql_spans import name_spans_by_table
from servicekit.telemetry_end import Telemetry, say_seldom

_PROBES = r"^https?://[^/]+/(healthz|readyz)$"


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
        say_seldom()
    if "traces" in timeouts:
        span_exporter = telemetry.watch(OTLPSpanExporter(timeout=timeouts["traces"]))
        traces.add_span_processor(BatchSpanProcessor(span_exporter))
    if "metrics" in timeouts:
        metric_exporter = telemetry.watch(OTLPMetricExporter(timeout=timeouts["metrics"]))
        telemetry.shutdowns.append(_export_metrics(metric_exporter, resource))
    if "logs" in timeouts:
        log_exporter = telemetry.watch(OTLPLogExporter(timeout=timeouts["logs"]))
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


def instrument_app(app: FastAPI) -> None:
    """Server spans and metrics for every route but the probes; no receive and send spans."""
    FastAPIInstrumentor.instrument_app(
        app, excluded_urls=_PROBES, exclude_spans=["receive", "send"]
    )


def instrument_engines() -> None:
    """Spans for every engine that `sqlalchemy.create_engine` makes from now on. The other way,
    `instrument(engine=…)`, serves the first engine of a process only."""
    instrumentor = SQLAlchemyInstrumentor()
    if not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument()
    name_spans_by_table()


def instrument_redis_client(client: Redis) -> None:
    RedisInstrumentor().instrument_client(client)


def instrument_httpx_client(client: httpx.AsyncClient) -> None:
    HTTPXClientInstrumentor.instrument_client(client)


def client_trace_config() -> aiohttp.TraceConfig:
    """CLIENT spans for a plain aiohttp session. Never on the one beneath httpx: that would be
    two spans for one hop."""
    return create_trace_config(sem_conv_opt_in_mode=_StabilityMode.HTTP)


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


def tracer() -> trace.Tracer:
    return trace.get_tracer("arloji")


def create_counter(name: str, declared: Mapping[str, tuple[str, str]]) -> metrics.Counter:
    """A counter with the unit and description that `declared` gives for its name."""
    unit, description = declared[name]
    return metrics.get_meter("arloji").create_counter(name, unit, description)


def create_up_down_counter(
    name: str, declared: Mapping[str, tuple[str, str]]
) -> metrics.UpDownCounter:
    unit, description = declared[name]
    return metrics.get_meter("arloji").create_up_down_counter(name, unit, description)


def create_histogram(
    name: str, declared: Mapping[str, tuple[str, str]], boundaries: tuple[float, ...]
) -> metrics.Histogram:
    unit, description = declared[name]
    return metrics.get_meter("arloji").create_histogram(
        name, unit, description, explicit_bucket_boundaries_advisory=boundaries
    )


def observe_gauge(
    name: str, declared: Mapping[str, tuple[str, str]], read: Callable[[], float | None]
) -> None:
    """A gauge that calls `read` at each export; None is no observation."""

    def observe(_options: CallbackOptions) -> list[Observation]:
        value = read()
        # A truth value is a number to Python, not to the exporter.
        return [] if value is None else [Observation(float(value))]

    unit, description = declared[name]
    metrics.get_meter("arloji").create_observable_gauge(name, [observe], unit, description)


def observe_gauges(
    name: str,
    declared: Mapping[str, tuple[str, str]],
    read: Callable[[], Iterable[tuple[float, Mapping[str, str]]]],
) -> None:
    """A gauge with several values, each with its attributes, that calls `read` at each export."""

    def observe(_options: CallbackOptions) -> list[Observation]:
        return [Observation(value, attributes) for value, attributes in read()]

    unit, description = declared[name]
    metrics.get_meter("arloji").create_observable_gauge(name, [observe], unit, description)
