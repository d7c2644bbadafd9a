"""Our own encoding of spans against the official one, read with the official schema."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceState

from servicekit.telemetry import span_encoding
from servicekit.telemetry.span_encoding import SpanEncoder

# One string may be half of a surrogate pair: no text, and yet a str.
TEXTS = st.one_of(st.text(max_size=200), st.sampled_from(["", "GET", "\ud800"]))
SCALARS = st.one_of(
    TEXTS, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.sampled_from([2**63, 1])
)
VALUES: Any = st.one_of(
    SCALARS,
    st.none(),
    st.binary(max_size=9),
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.text(max_size=3), SCALARS, max_size=2),
)
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=40), VALUES, max_size=6)
TIMES = st.integers(0, 2**64 - 1)
CONTEXTS = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    trace_state=st.one_of(st.none(), st.just(TraceState([("vendor", "1")]))),
)
RESOURCES = [Resource({"service.name": "shop", "n": 1}), Resource({}, "https://schema/1")]
SCOPES = [None, InstrumentationScope("a", "1", "https://schema/2"), InstrumentationScope("b")]
SPANS = st.builds(
    ReadableSpan,
    st.text(max_size=60),
    CONTEXTS,
    st.one_of(st.none(), CONTEXTS),
    attributes=st.one_of(st.none(), ATTRIBUTES),
    events=st.lists(st.builds(Event, TEXTS.filter(str.isascii), ATTRIBUTES, TIMES), max_size=1),
    links=st.lists(st.builds(Link, CONTEXTS, ATTRIBUTES), max_size=1),
    kind=st.sampled_from(SpanKind),
    status=st.one_of(
        st.sampled_from([Status(), Status(StatusCode.OK)]),
        st.builds(Status, st.just(StatusCode.ERROR), st.text(max_size=9)),
    ),
    start_time=TIMES,
    end_time=TIMES,
    instrumentation_scope=st.sampled_from(SCOPES),
)


def read(written: bytes) -> Any:
    return ExportTraceServiceRequest.FromString(written)


def without_nan(message: Any) -> str:
    """Not a number is not equal to itself; as text it is."""
    return str(message)


@given(st.lists(st.lists(SPANS, min_size=1, max_size=4), min_size=1, max_size=3))
def test_what_is_written_means_the_same_by_the_official_schema(
    batches: Sequence[Sequence[ReadableSpan]],
) -> None:
    """By one encoder that remembers, whichever resource comes next."""
    encoder = SpanEncoder()
    for batch, resource in zip(batches, RESOURCES * 2, strict=False):
        for span in batch:
            span._resource = resource
        assert without_nan(read(encoder.encode(batch))) == without_nan(encode_spans(batch))


def test_what_the_sdk_dropped_is_told() -> None:
    """And a key with the same value of another type is another attribute."""
    provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=2), shutdown_on_exit=False)
    encoder = SpanEncoder()
    for values in ({"a": 1}, {"a": True}, {"a": 1.0}, {"a": "1"}, dict.fromkeys("abc", 1)):
        with provider.get_tracer("t").start_as_current_span("x", attributes=values) as span:
            pass
        assert isinstance(span, ReadableSpan)
        assert read(encoder.encode([span])) == encode_spans([span])


def test_memory_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(span_encoding, "_MOST_CACHED", 10)
    encoder, numbers = SpanEncoder(), count()
    for _ in range(50):
        context = SpanContext(1, 1, is_remote=False)
        span = ReadableSpan("x", context, attributes={"a": next(numbers)}, resource=RESOURCES[0])
        assert read(encoder.encode([span])) == encode_spans([span])
    assert len(encoder._attributes) <= 10
