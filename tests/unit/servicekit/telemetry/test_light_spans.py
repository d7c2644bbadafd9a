"""Our own spans against the SDK's."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from servicekit.telemetry.light_spans import LightTracerProvider

ATTRIBUTES = st.dictionaries(
    st.sampled_from("abc"), st.one_of(st.integers(0, 9), st.booleans(), st.text(max_size=3))
)
OTHER = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1))
STATUSES = st.sampled_from(
    [
        (Status(StatusCode.ERROR, "no"),),
        (StatusCode.OK,),
        (StatusCode.UNSET,),
        (StatusCode.ERROR, "x"),
    ]
)
# A method of a span and its arguments.
CALLS = st.one_of(
    st.tuples(st.just("set_attribute"), st.tuples(st.sampled_from("abc"), st.integers(0, 9))),
    st.tuples(st.just("set_attributes"), st.tuples(ATTRIBUTES)),
    st.tuples(st.just("add_event"), st.tuples(st.just("it"), ATTRIBUTES, st.just(5))),
    st.tuples(st.just("add_link"), st.tuples(st.just(OTHER), ATTRIBUTES)),
    st.tuples(st.just("set_status"), STATUSES),
    st.tuples(st.just("update_name"), st.tuples(st.sampled_from(["x", "y"]))),
    st.tuples(st.just("end"), st.just((9,))),
)


class CountedIds(IdGenerator):
    def __init__(self) -> None:
        self.last = 100

    def generate_span_id(self) -> int:
        self.last += 1
        return self.last

    generate_trace_id = generate_span_id


def finished_by(provider_class: type[TracerProvider], sampler: Sampler, work: Any) -> Any:
    exporter = InMemorySpanExporter()
    provider = provider_class(
        sampler=sampler,
        resource=Resource({"service.name": "shop"}),
        id_generator=CountedIds(),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    work(provider.get_tracer("shop", "1", "https://schema/1"))
    return [shape_of(span) for span in exporter.get_finished_spans()]


def shape_of(span: ReadableSpan) -> Any:
    """As it is sent; the lines of a stack are those of who recorded it."""
    (of_resource,) = encode_spans([span]).resource_spans
    (sent,) = of_resource.scope_spans[0].spans
    assert sent.end_time_unix_nano
    sent.end_time_unix_nano = min(sent.end_time_unix_nano, 10)  # 9 if it was given
    for event in sent.events:
        for pair in event.attributes:
            if pair.key == "exception.stacktrace":
                pair.value.string_value = pair.value.string_value.splitlines()[-1]
            event.time_unix_nano = 0
    sent.attributes.sort(key=lambda pair: pair.key)
    return sent, of_resource.scope_spans[0].scope, of_resource.scope_spans[0].schema_url


@given(
    st.sampled_from([ALWAYS_ON, ALWAYS_OFF, ParentBased(ALWAYS_OFF)]),
    st.sampled_from([None, OTHER, SpanContext(7, 8, True, TraceFlags(3)), SpanContext(7, 8, True)]),
    st.sampled_from(SpanKind),
    ATTRIBUTES,
    st.lists(CALLS, max_size=8),
    st.sampled_from([None, ArithmeticError("half way")]),
)
def test_a_span_is_what_the_sdk_would_have_made_of_it(
    sampler: Sampler,
    parent: SpanContext | None,
    kind: SpanKind,
    attributes: Any,
    calls: Sequence[tuple[str, Any]],
    fault: Exception | None,
) -> None:
    context = parent and trace.set_span_in_context(trace.NonRecordingSpan(parent))

    def work(tracer: trace.Tracer) -> None:
        with tracer.start_as_current_span(
            "work", context, kind, attributes, [Link(OTHER, {"a": 1})], start_time=3
        ) as span:
            for name, arguments in calls:
                getattr(span, name)(*arguments)
            seen.append((span.is_recording(), span.get_span_context()))
            with tracer.start_span("inner", start_time=4) as inner:
                inner.set_attribute("a", 1)
            if fault is not None:
                span.record_exception(fault)
        span.end()

    seen: list[Any] = []
    ours, theirs = (
        finished_by(provider, sampler, work) for provider in (LightTracerProvider, TracerProvider)
    )
    assert ours == theirs
    assert seen[0] == seen[1]


@pytest.mark.parametrize("enter", ["start_as_current_span", "start_span"])
def test_an_exception_that_leaves_a_span_is_recorded_as_by_the_sdk(enter: str) -> None:
    def work(tracer: trace.Tracer) -> None:
        with pytest.raises(ArithmeticError), getattr(tracer, enter)("work", start_time=3):
            raise ArithmeticError("half way")

    ours, theirs = (
        finished_by(provider, ALWAYS_ON, work) for provider in (LightTracerProvider, TracerProvider)
    )
    assert ours == theirs
    assert ours[0][0].status.message == "ArithmeticError: half way"
