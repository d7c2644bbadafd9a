"""The spans of SQL by OpenTelemetry's semantic conventions for databases
(https://opentelemetry.io/docs/specs/semconv/db/), which statements were slow, and nothing in them
of what a driver quotes. A statement has marks where its values are."""

import logging
import re
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import QueuePool

from contracts.telemetry import SQL_SLOW

logger = logging.getLogger(__name__)

# As `long_query_time` in stores/mysql.cnf, so that the shop and MySQL tell of the same ones.
SLOW_SECONDS = 0.5
# A database that is slow as a whole would fill the log: a line of each kind of statement.
_LOG_INTERVAL_SECONDS = 10.0

_TARGET = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+[\"`]?(\w+)", re.IGNORECASE)
_next_line: dict[str, float] = {}


def trace_engine(engine: Engine) -> None:
    """Each statement of it is a span, and so is the waiting for a connection; how many of these
    are used is observed."""
    spans = _SqlSpans(engine)
    event.listen(engine, "before_cursor_execute", spans.begin)
    event.listen(engine, "after_cursor_execute", spans.end)
    event.listen(engine, "handle_error", spans.fail)
    # SQLAlchemy tells of connections, not of the time before there is one.
    engine.connect = spans.connecting(engine.connect)  # type: ignore[method-assign]
    _observe_pool(engine)


class _SqlSpans:
    def __init__(self, engine: Engine) -> None:
        url = engine.url
        given = {
            "db.system.name": engine.dialect.name,
            "db.namespace": url.database,
            "server.address": url.host,
            "server.port": url.port,
        }
        self._given = {name: value for name, value in given.items() if value}
        self._tracer = trace.get_tracer("arloji.sql")

    def connecting(self, connect: Any) -> Any:
        def connect_in_span() -> Connection:
            span = self._start("connect", {})
            if span is None:
                return connect()  # type: ignore[no-any-return]
            with trace.use_span(span, end_on_exit=True):
                return connect()  # type: ignore[no-any-return]

        return connect_in_span

    def begin(
        self, _connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: Any
    ) -> None:
        if context is not None and is_instrumentation_enabled():  # polling is not traced
            context._arloji_began = time.monotonic()
            name, described = _describe(statement)
            context._arloji_span = self._start(name, described)

    def _start(self, name: str, attributes: dict[str, str]) -> trace.Span | None:
        """None where nothing is recorded: no sampler records the child of what it did not."""
        parent = trace.get_current_span()
        unrecorded = parent.get_span_context().is_valid and not parent.is_recording()
        if unrecorded or not is_instrumentation_enabled():
            return None
        return self._tracer.start_span(
            name, kind=SpanKind.CLIENT, attributes={**self._given, **attributes}
        )

    def end(
        self, _connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: Any
    ) -> None:
        self._end(statement, context, None)

    def fail(self, failure: ExceptionContext) -> None:
        """By the error's type alone: what the driver says quotes values, which may be personal."""
        kind = type(failure.original_exception).__name__
        self._end(failure.statement or "", failure.execution_context, kind)

    def _end(self, statement: str, context: Any, error: str | None) -> None:
        began = getattr(context, "_arloji_began", None)
        if began is None:
            return
        context._arloji_began = None
        span, seconds = context._arloji_span or trace.INVALID_SPAN, time.monotonic() - began
        if seconds >= SLOW_SECONDS:
            span.set_attribute(SQL_SLOW, True)
            _log_slow(context._arloji_span or trace.get_current_span(), statement, seconds)
        if error:
            span.set_attribute("error.type", error)
            span.set_status(StatusCode.ERROR)
        span.end()


@lru_cache(maxsize=512)
def _describe(statement: str) -> tuple[str, dict[str, str]]:
    """The name of its span, which is operation and target, and its attributes."""
    operation = next(iter(statement.split(None, 1)), "").upper()
    attributes = {"db.query.text": statement, "db.operation.name": operation}
    if target := _TARGET.search(statement):
        attributes["db.collection.name"] = target[1]
        return f"{operation} {target[1]}", attributes
    return operation, attributes


def _log_slow(span: trace.Span, statement: str, seconds: float) -> None:
    name, _ = _describe(statement)
    now = time.monotonic()
    if now < _next_line.get(name, 0.0):
        return
    _next_line[name] = now + _LOG_INTERVAL_SECONDS
    with trace.use_span(span):
        text = {"db.query.text": statement}
        logger.warning("slow SQL: %s took %.2f s", name, seconds, extra=text)


def _observe_pool(engine: Engine) -> None:
    """As long as the engine lives."""
    known = weakref.ref(engine)
    url = engine.url
    name = f"{url.drivername}://{url.host or ''}:{url.port or ''}/{url.database or ''}"

    def observe(_options: CallbackOptions) -> Iterator[Observation]:
        pool = getattr(known(), "pool", None)
        if isinstance(pool, QueuePool):
            for state, number in (("used", pool.checkedout()), ("idle", pool.checkedin())):
                yield Observation(number, {"pool.name": name, "state": state})

    metrics.get_meter("arloji.sql").create_observable_up_down_counter(
        "db.client.connections.usage",
        [observe],
        "connections",
        "The number of connections that are currently in state described by the state attribute.",
    )


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
