"""Our own counters and histograms against the SDK's."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from servicekit.telemetry import light_instruments
from servicekit.telemetry.light_metrics import LightMeterProvider

RESOURCE = Resource({"service.name": "shop"}, "https://schema/1")
KINDS = ("counter", "histogram", "times", "up_down_counter")
# Whether a sampled trace is under way, and what is measured in it.
MEASURED = st.tuples(
    st.sampled_from(KINDS),
    st.one_of(st.integers(-3, 20_000), st.floats(-1, 11)),
    st.one_of(
        st.none(),
        st.permutations([("http.route", "/"), ("status", 200)]).map(dict),
        st.sampled_from([{}, {"status": 404}, {"ok": True}]),
    ),
    st.booleans(),
)


def record_all(provider: metrics.MeterProvider, measured: Sequence[Any]) -> None:
    meter = provider.get_meter("shop", "1", "https://schema/2")
    times = meter.create_histogram("times", "s", explicit_bucket_boundaries_advisory=[0.1, 1])
    made: dict[str, Any] = {
        name: getattr(meter, f"create_{name}")(name, "1", f"A {name}") for name in KINDS[:2]
    }
    made |= {"times": times, KINDS[3]: meter.create_up_down_counter(KINDS[3])}
    meter.create_observable_gauge("observed", [lambda _: [metrics.Observation(7)]])
    for number, (kind, amount, attributes, in_trace) in enumerate(measured):
        span = trace.NonRecordingSpan(
            trace.SpanContext(1, number + 1, is_remote=False, trace_flags=trace.TraceFlags(1))
        )
        with trace.use_span(span) if in_trace else nullcontext():
            (made[kind].add if "counter" in kind else made[kind].record)(amount, attributes)


def told_by(reader: InMemoryMetricReader) -> Any:
    """Without times, in an order of its own."""
    data = reader.get_metrics_data()
    assert data is not None
    (of_resource,) = data.resource_metrics
    return (
        of_resource.resource,
        of_resource.schema_url,
        sorted(
            repr(
                (
                    scope.scope,
                    scope.schema_url,
                    metric.name,
                    metric.unit,
                    metric.description,
                    kind_of(metric.data),
                )
            )
            + repr((dict(sorted((point.attributes or {}).items())), shape_of(point)))
            for scope in of_resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        ),
    )


def kind_of(data: Any) -> Any:
    temporality = getattr(data, "aggregation_temporality", None)
    return type(data), temporality, getattr(data, "is_monotonic", None)


def shape_of(point: Any) -> Any:
    if hasattr(point, "value"):
        return point.value
    examples = {(one.value, one.span_id, one.trace_id) for one in point.exemplars}
    shown = tuple(point.bucket_counts), tuple(point.explicit_bounds), sorted(examples)
    return point.count, round(point.sum, 6), point.min, point.max, shown


@given(st.lists(MEASURED, max_size=30))
def test_what_is_collected_is_what_the_sdk_would_have_collected(measured: Sequence[Any]) -> None:
    ours, theirs = InMemoryMetricReader(), InMemoryMetricReader()
    for provider in (
        LightMeterProvider([ours], RESOURCE),
        MeterProvider([theirs], RESOURCE, shutdown_on_exit=False),
    ):
        record_all(provider, measured)
    assert told_by(ours) == told_by(theirs)


def test_there_is_no_end_of_series_and_no_gap_in_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light_instruments, "_MOST_SERIES", 3)
    reader = InMemoryMetricReader()
    counter = LightMeterProvider([reader], RESOURCE).get_meter("shop").create_counter("orders")
    for number in range(10):
        counter.add(1, {"id": number})
    data: Any = reader.get_metrics_data()
    points = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    assert [point.value for point in points] == [1, 1, 1, 7]
    assert points[3].attributes == {"otel.metric.overflow": True}


def test_what_was_created_twice_is_one() -> None:
    provider = LightMeterProvider([InMemoryMetricReader()], RESOURCE)
    made = [provider.get_meter("shop").create_counter("orders") for _ in range(2)]
    assert made[0] is made[1]


def test_what_is_observed_is_written_beside_what_is_counted_in_the_same_scope() -> None:
    """The encoder keeps the last of two parts with one scope: they must be one."""
    provider = LightMeterProvider([reader := InMemoryMetricReader()], RESOURCE)
    record_all(provider, [("counter", 1, None, False)])
    data = reader.get_metrics_data()
    assert data is not None
    (of_resource,) = encode_metrics(data).resource_metrics
    written = {one.name for scope in of_resource.scope_metrics for one in scope.metrics}
    assert written == {"observed", "counter"}
