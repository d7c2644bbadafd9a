"""Set-up of the SDK, which nothing but `serve` imports.

A signal is exported if an endpoint is set for it (`environment.py`), else nothing leaves the
process. Trace ids exist either way, so that an error answer and its log line name each other.
"""

import logging
import os
import socket
from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.instrumentation.propagators import (
    TraceResponsePropagator,
    set_global_response_propagator,
)
from opentelemetry.propagate import set_global_textmap
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from servicekit import TAKEN_VARIABLES, __version__
from servicekit.telemetry.environment import (
    BATCHES,
    STABILITY,
    STABILITY_VARIABLE,
    clean_variables,
    pop_export_timeouts,
)
from servicekit.telemetry.light_spans import LightTracerProvider
from servicekit.telemetry.shutdown import Telemetry, rate_limit_logs


def configure_telemetry(
    service_name: str,
    *,
    port: int = 0,
    is_job: bool = False,
    extra_span_processors: tuple[SpanProcessor, ...] = (),
) -> Telemetry:
    """Set the process-wide providers. Call once, after logging is configured.

    `port` tells this process from others of its host. A job's next run, wherever that is, continues
    its series, and its process is not measured. `extra_span_processors` is for tests that look at
    spans in memory; it records without an exporter too.
    """
    variables = dict(TAKEN_VARIABLES)
    if complaints := clean_variables(variables):
        logging.getLogger(__name__).warning("telemetry: %s", "; ".join(complaints))
    timeouts = pop_export_timeouts(variables)
    os.environ |= {**BATCHES, **variables}
    os.environ[STABILITY_VARIABLE] = STABILITY
    set_global_textmap(TraceContextTextMapPropagator())  # no baggage: nothing reads it
    set_global_response_propagator(TraceResponsePropagator())  # type: ignore[no-untyped-call]
    instance = service_name if is_job else f"{socket.gethostname()}:{port}"
    resource = _describe_process(service_name, instance)
    traces = LightTracerProvider(
        resource=resource,
        sampler=None if "traces" in timeouts or extra_span_processors else ALWAYS_OFF,
        shutdown_on_exit=False,
    )
    for processor in extra_span_processors:
        traces.add_span_processor(processor)
    trace.set_tracer_provider(traces)
    telemetry = Telemetry([traces.shutdown])
    if timeouts:
        _export(telemetry, traces, resource, timeouts, is_job=is_job)
    return telemetry


def _export(
    telemetry: Telemetry,
    traces: LightTracerProvider,
    resource: Resource,
    timeouts: Mapping[str, float],
    *,
    is_job: bool,
) -> None:
    # Exporters take a tenth of a second to import.
    from servicekit.telemetry import export
    from servicekit.telemetry.process_metrics import observe_process

    rate_limit_logs()
    if "traces" in timeouts:
        export.export_traces(telemetry, traces, timeouts["traces"])
    if "metrics" in timeouts:
        meters = export.export_metrics(telemetry, resource, timeouts["metrics"])
        if not is_job:
            observe_process(meters.get_meter("arloji"))
    if "logs" in timeouts:
        export.export_logs(telemetry, resource, timeouts["logs"])


def _describe_process(service_name: str, instance: str) -> Resource:
    # Replicas need an id each, or their metrics would overwrite each other. The SDK's own is new
    # with every start, and so would be every series; container and pod names outlive a restart.
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
