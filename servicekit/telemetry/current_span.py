"""The current span by OpenTelemetry's one context variable itself: the layers that its API has
around it are asked a dozen times for each request, and cost more than what a span says."""

from contextvars import ContextVar
from typing import Any, cast

from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span
from opentelemetry.trace.propagation import _SPAN_KEY

_current: ContextVar[Context] = cast(Any, context)._RUNTIME_CONTEXT._current_context

current_context = _current.get
attach, detach = _current.set, _current.reset


def span_in(known: Context) -> Span:
    """The span of a context; an invalid one if it has none."""
    span: Any = known.get(_SPAN_KEY, INVALID_SPAN)
    return span  # type: ignore[no-any-return]


def with_span(span: Span, known: Context) -> Context:
    return Context({**known, _SPAN_KEY: span})


def holds_only_a_span(known: Context) -> bool:
    """Nothing is suppressed in it."""
    return len(known) == 1 and _SPAN_KEY in known
