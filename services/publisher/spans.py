"""Spans of an order's way into the queue, by the OpenTelemetry semantic conventions for messaging
(https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/)."""

from contextlib import AbstractContextManager
from uuid import UUID

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind

from contracts.queue import ORDERS
from contracts.telemetry import ORDER_ID
from servicekit.telemetry.tracing import tracer

_SEND = {
    "messaging.system": "redis",
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
    "messaging.destination.name": ORDERS,
}


def name_order(order_id: UUID) -> None:
    """On the span of the request."""
    trace.get_current_span().set_attribute(ORDER_ID, str(order_id))


def send_span(order_id: UUID) -> AbstractContextManager[Span]:
    """The consumer's span follows from this one: the entry must be written while it is current."""
    return tracer().start_as_current_span(
        f"send {ORDERS}", kind=SpanKind.PRODUCER, attributes={**_SEND, ORDER_ID: str(order_id)}
    )


def name_entry(entry_id: str) -> None:
    """On the span that sends it."""
    trace.get_current_span().set_attribute("messaging.message.id", entry_id)


def audit_span() -> AbstractContextManager[Span]:
    return tracer().start_as_current_span("append audit line")
