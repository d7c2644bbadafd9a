"""What spans of SQL statements are called (semantic conventions: operation, then its target), which
of them were slow, and nothing in them of what a driver quotes."""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from contracts.telemetry import SQL_SLOW

logger = logging.getLogger(__name__)

# As `long_query_time` in stores/mysql.cnf, so that the shop and MySQL tell of the same ones.
SLOW_SECONDS = 0.5
# A database that is slow as a whole would fill the log: a line of each kind of statement.
_LOG_INTERVAL_SECONDS = 10.0

_TARGET = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+[\"`]?(\w+)", re.IGNORECASE)
_next_line: dict[str, float] = {}


def improve_sql_spans() -> None:
    """From now on and for every engine."""
    if not event.contains(Engine, "before_cursor_execute", _note_begin):
        event.listen(Engine, "before_cursor_execute", _note_begin)
        # After, since listeners of the class come before the engine's own: only then there is
        # a span, and the instrumentation ends it a moment later.
        event.listen(Engine, "after_cursor_execute", _complete_span)
        event.listen(Engine, "handle_error", _end_failed_span)


def _note_begin(
    _connection: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool
) -> None:
    if context is not None:
        context._arloji_began = time.monotonic()


def _complete_span(
    _connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool
) -> None:
    span = getattr(context, "_otel_span", None)
    if span is not None:  # else untraced, as polling is
        _describe(span, statement, time.monotonic() - context._arloji_began)


def _end_failed_span(failure: ExceptionContext) -> None:
    """In place of the instrumentation, which would tell what the driver says: that quotes values,
    and they may be personal."""
    context: Any = failure.execution_context
    span = getattr(context, "_otel_span", None)
    if span is None:
        return
    _describe(span, failure.statement or "", time.monotonic() - context._arloji_began)
    span.set_attribute("error.type", type(failure.original_exception).__name__)
    span.set_status(trace.Status(trace.StatusCode.ERROR))
    span.end()
    context._otel_span = None


def _describe(span: trace.Span, statement: str, seconds: float) -> None:
    """The instrumentation itself takes the database's name as the target, which is the path of the
    file with SQLite."""
    name = operation = next(iter(statement.split(None, 1)), "").upper()
    span.set_attribute("db.operation.name", operation)
    if target := _TARGET.search(statement):
        span.set_attribute("db.collection.name", target[1])
        name = f"{operation} {target[1]}"
    span.update_name(name)
    if seconds >= SLOW_SECONDS:
        span.set_attribute(SQL_SLOW, True)
        _log_slow(span, name, statement, seconds)


def _log_slow(span: trace.Span, name: str, statement: str, seconds: float) -> None:
    now = time.monotonic()
    if now < _next_line.get(name, 0.0):
        return
    _next_line[name] = now + _LOG_INTERVAL_SECONDS
    with trace.use_span(span):
        # The statement has marks where its values are.
        text = {"db.query.text": statement}
        logger.warning("slow SQL: %s took %.2f s", name, seconds, extra=text)


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
