"""`python -m benchmarks.span_costs`: what telemetry costs in CPU, by the SDK and by our own code,
in microseconds per span or measurement: median of rounds in alternation, in this process."""

import statistics
import time
from collections.abc import Callable, Sequence

from opentelemetry import metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from servicekit.telemetry.light_metrics import LightMeterProvider
from servicekit.telemetry.light_spans import LightTracerProvider
from servicekit.telemetry.span_encoding import SpanEncoder

BATCH, ROUNDS = 256, 15
RESOURCE = Resource.create({"service.name": "api-gw", "service.instance.id": "host:8081"})
GIVEN: dict[str, str | int] = {
    **{"url.scheme": "http", "server.address": "127.0.0.1:8081", "server.port": 8081},
    **{"network.protocol.version": "1.1", "http.request.method": "GET"},
    **{"client.address": "127.0.0.1", "http.route": "/api/products/{product_id}"},
}
MEASURED: dict[str, str | int] = {
    "http.request.method": "GET",
    "url.scheme": "http",
    "http.response.status_code": 200,
}


def make_spans(provider: TracerProvider) -> Sequence[ReadableSpan]:
    """As a server ends them: each is of another connection and path."""
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("benchmark")
    for number in range(BATCH):
        own: dict[str, str | int] = {
            "client.port": 40_000 + number,
            "url.path": f"/api/products/{number}",
        }
        span = tracer.start_span("GET /api/products/{product_id}", kind=SpanKind.SERVER)
        span.set_attributes({**GIVEN, **own, "http.response.status_code": 200})
        span.end()
    return exporter.get_finished_spans()


def measure_durations(provider: metrics.MeterProvider) -> None:
    histogram = provider.get_meter("benchmark").create_histogram("http.server.request.duration")
    for number in range(BATCH):
        histogram.record(number / 1000, MEASURED)


def main() -> None:
    spans = make_spans(TracerProvider(resource=RESOURCE, shutdown_on_exit=False))
    encoder = SpanEncoder()
    sdk = MeterProvider([InMemoryMetricReader()], RESOURCE, shutdown_on_exit=False)
    light = LightMeterProvider([InMemoryMetricReader()], RESOURCE)
    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "a span, made": (
            lambda: make_spans(TracerProvider(resource=RESOURCE, shutdown_on_exit=False)),
            lambda: make_spans(LightTracerProvider(resource=RESOURCE, shutdown_on_exit=False)),
        ),
        "a measurement": (lambda: measure_durations(sdk), lambda: measure_durations(light)),
        "a span, written": (
            lambda: encode_spans(spans).SerializeToString(),
            lambda: encoder.encode(spans),
        ),
    }
    print(f"{'µs of CPU':<22}{'SDK':>8}{'own':>8}")
    for title, pair in ways.items():
        took: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            for way, found in zip(pair, took, strict=True):
                began = time.thread_time()
                way()
                found.append((time.thread_time() - began) / BATCH * 1e6)
        print(f"{title:<22}{statistics.median(took[0]):>8.1f}{statistics.median(took[1]):>8.1f}")


if __name__ == "__main__":
    main()
