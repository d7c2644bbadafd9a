"""Spans of the order path, by the OpenTelemetry semantic conventions for messaging
(https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/).

An order that is handled alone has its SQL inside its own `process orders` span. In a batch the
SQL belongs to the batch's span, and each order's span links to it. Either way an order's span
is in the trace that its stream entry carries: the one that began with the click. So is the
replay of a dead letter.

`describe_…` say something of the span that is current, which is an order's or a batch's.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode

from contracts.queue import CONSUMERS, FIELD_TRACEPARENT, ORDERS
from contracts.telemetry import ORDER_DELIVERIES, ORDER_ID, ORDER_REASON, ORDER_STATUS
from servicekit.stream.consumer_group import Entry, context_from
from servicekit.telemetry.tracing import tracer
from services.consumer.orders import Outcome

ORDER_SPAN = f"process {ORDERS}"
BATCH_SPAN = f"process batch of {ORDERS}"

_MESSAGING: dict[str, Any] = {
    "messaging.system": "redis",
    "messaging.destination.name": ORDERS,
    "messaging.consumer.group.name": CONSUMERS,
    "messaging.operation.type": "process",
    "messaging.operation.name": "process",
}


@contextmanager
def order_span(entry: Entry) -> Iterator[None]:
    """Current while the block lasts. An exception marks it as failed by its type alone: texts
    of drivers and validators quote what they were given."""
    span = tracer().start_span(
        ORDER_SPAN, _origin_of(entry.fields), SpanKind.CONSUMER, attributes=_attributes_of(entry)
    )
    with _current(span):
        yield


@contextmanager
def batch_span(entries: Sequence[Entry]) -> Iterator[Callable[[Entry, Outcome], None]]:
    """Current while the block lasts; the root of a trace of its own that links to all others.
    Yields what adds the span of an order whose work was done by the batch."""
    began_ns = time.time_ns()
    origins = [
        trace.get_current_span(_origin_of(entry.fields)).get_span_context() for entry in entries
    ]
    span = tracer().start_span(
        BATCH_SPAN,
        Context(),
        SpanKind.CONSUMER,
        attributes=_MESSAGING | {"messaging.batch.message_count": len(entries)},
        links=[Link(origin) for origin in origins if origin.is_valid],
    )
    with _current(span):
        yield partial(_add_order_span, span, began_ns)


def _add_order_span(batch: Span, began_ns: int, entry: Entry, outcome: Outcome) -> None:
    span = tracer().start_span(
        ORDER_SPAN,
        _origin_of(entry.fields),
        SpanKind.CONSUMER,
        attributes=_attributes_of(entry),
        links=[Link(batch.get_span_context())],
        start_time=began_ns,
    )
    span.set_attributes(_outcome_attributes(outcome))
    span.end(time.time_ns())


@contextmanager
def replay_span(fields: Mapping[bytes, bytes]) -> Iterator[None]:
    """An entry that goes back into the stream, within the trace that it carries."""
    own = {"messaging.operation.type": "send", "messaging.operation.name": "replay"}
    span = tracer().start_span(
        f"replay {ORDERS}", _origin_of(fields), SpanKind.PRODUCER, attributes=_MESSAGING | own
    )
    with _current(span):
        yield


def describe_order(order_id: str) -> None:
    trace.get_current_span().set_attribute(ORDER_ID, order_id)


def describe_outcome(outcome: Outcome) -> None:
    trace.get_current_span().set_attributes(_outcome_attributes(outcome))


def describe_failure(error_type: str) -> None:
    span = trace.get_current_span()
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR, error_type))


def _outcome_attributes(outcome: Outcome) -> dict[str, str]:
    attributes = {
        ORDER_ID: str(outcome.message.order_id),
        ORDER_STATUS: outcome.status.value,
    }
    if outcome.reason is not None:
        attributes[ORDER_REASON] = outcome.reason.value
    return attributes


@contextmanager
def _current(span: Span) -> Iterator[None]:
    with trace.use_span(
        span, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        try:
            yield
        except Exception as error:
            describe_failure(type(error).__name__)
            raise


def _origin_of(fields: Mapping[bytes, bytes]) -> Context:
    return context_from(fields.get(FIELD_TRACEPARENT.encode()))


def _attributes_of(entry: Entry) -> dict[str, Any]:
    told = {"messaging.message.id": entry.entry_id, ORDER_DELIVERIES: entry.deliveries}
    return _MESSAGING | told
