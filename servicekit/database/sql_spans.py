"""Names for the spans of SQL statements (semantic conventions: operation, then its target)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from sqlalchemy import Connection, Engine, event

_TARGET = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+[\"`]?(\w+)", re.IGNORECASE)


def name_spans_by_table() -> None:
    """`INSERT orders`, from now on and for every engine. The instrumentation itself takes the
    database's name as the target, which is the path of the file with SQLite."""
    if not event.contains(Engine, "after_cursor_execute", _name_span):
        # After, since listeners of the class come before the engine's own: only then there is
        # a span, and the instrumentation ends it a moment later.
        event.listen(Engine, "after_cursor_execute", _name_span)


def _name_span(
    _connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool
) -> None:
    span = getattr(context, "_otel_span", None)
    if span is None or not span.is_recording():
        return
    operation = next(iter(statement.split(None, 1)), "").upper()
    span.set_attribute("db.operation.name", operation)
    if target := _TARGET.search(statement):
        span.set_attribute("db.collection.name", target[1])
        span.update_name(f"{operation} {target[1]}")
    else:
        span.update_name(operation)


@contextmanager
def commit_span(connection: Connection) -> Iterator[None]:
    """Around a commit, within a trace that is recorded. An error marks the span by its type
    alone: drivers quote values."""
    parent = trace.get_current_span()
    if not parent.is_recording():
        yield
        return
    attributes = {"db.system.name": connection.dialect.name, "db.operation.name": "COMMIT"}
    with trace.get_tracer("arloji").start_as_current_span(
        "COMMIT",
        kind=trace.SpanKind.CLIENT,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except Exception as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(trace.Status(trace.StatusCode.ERROR))
            raise
