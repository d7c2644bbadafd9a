"""The trace inside a stream entry, and its age."""

import time

import pytest
from opentelemetry import trace

from servicekit.stream.consumer_group import context_from, current_traceparent
from servicekit.stream.state import entry_age_seconds
from servicekit.telemetry.tracing import tracer


def test_outside_of_any_trace_there_is_no_traceparent() -> None:
    assert current_traceparent() is None


def test_a_trace_goes_on_where_its_traceparent_is_read() -> None:
    with tracer().start_as_current_span("publish") as span:
        traceparent = current_traceparent()
    assert traceparent is not None
    context = trace.get_current_span(context_from(traceparent.encode())).get_span_context()
    assert context.is_remote
    assert (context.trace_id, context.span_id) == (
        span.get_span_context().trace_id,
        span.get_span_context().span_id,
    )


@pytest.mark.parametrize(
    "value", [None, b"", b"nonsense", b"\xff\xfe", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"]
)
def test_what_is_no_traceparent_is_no_trace(value: bytes | None) -> None:
    with tracer().start_as_current_span("not the origin"):
        context = context_from(value)
    assert not trace.get_current_span(context).get_span_context().is_valid


def test_an_age_is_never_negative() -> None:
    assert entry_age_seconds(b"99999999999999-0") == 0
    assert entry_age_seconds(b"1000-0") == pytest.approx(time.time() - 1, abs=60)
