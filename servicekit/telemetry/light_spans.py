"""Spans that cost a tenth of the SDK's: its provider, sampler, processors and exporters are used,
but what is recorded lies in plain dicts and lists, without locks, copies and checks of each value.
A span is of one request or message; only the thread or task that works on it writes to it."""

import traceback
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from time import time_ns
from types import TracebackType
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON, Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AnyValue, Attributes

from servicekit.telemetry.current_span import current_context, span_in

_UNSET = Status(StatusCode.UNSET)
# Of a span: whether the id of its trace is random, and whether it is sampled.
_RANDOM, _SAMPLED = TraceFlags.RANDOM_TRACE_ID, TraceFlags.SAMPLED
_FLAGS = [TraceFlags(number) for number in range((_RANDOM | _SAMPLED) + 1)]


class LightSpan(ReadableSpan, trace.Span):
    """What is done to it after its end has no effect."""

    def __init__(  # the fields of the SDK's, set here: its own takes them by name, one by one
        self,
        processor: SpanProcessor,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: dict[str, AnyValue],
        links: list[Link],
        start_time: int,
        resource: Resource,
        scope: InstrumentationScope,
    ) -> None:
        self._processor, self._own_context = processor, context
        self._name, self._context, self._parent, self._kind = name, context, parent, kind
        self._recorded = self._attributes = attributes
        self._linked = self._links = links
        self._happened = self._events = list[Event]()
        self._start_time, self._end_time = start_time, None
        self._resource, self._instrumentation_scope = resource, scope
        self._instrumentation_info, self._status = None, _UNSET

    def get_span_context(self) -> SpanContext:
        return self._own_context

    def is_recording(self) -> bool:
        return self._end_time is None

    def set_attribute(self, key: str, value: AnyValue) -> None:
        if self._end_time is None:
            self._recorded[key] = value

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        if self._end_time is None:
            self._recorded.update(attributes)

    def add_event(
        self, name: str, attributes: Attributes = None, timestamp: int | None = None
    ) -> None:
        if self._end_time is None:
            self._happened.append(Event(name, dict(attributes or {}), timestamp))

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        if self._end_time is None:
            self._linked.append(Link(context, dict(attributes or {})))

    def update_name(self, name: str) -> None:
        if self._end_time is None:
            self._name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """OK is the last word, and UNSET is none."""
        wanted = status if isinstance(status, Status) else Status(status, description)
        final = self._status.status_code is StatusCode.OK or wanted.status_code is StatusCode.UNSET
        if self._end_time is None and not final:
            self._status = wanted

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        kind = type(exception)
        place = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        found: dict[str, AnyValue] = {
            "exception.type": f"{place}{kind.__qualname__}",
            "exception.message": str(exception),
            "exception.stacktrace": "".join(traceback.format_exception(exception)),
            "exception.escaped": str(escaped),
        }
        self.add_event("exception", {**found, **(attributes or {})}, timestamp)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        if error is not None:
            self.record_exception(error, escaped=True)
            self.set_status(StatusCode.ERROR, f"{type(error).__name__}: {error}")
        self.end()

    def end(self, end_time: int | None = None) -> None:
        if self._end_time is None:
            self._end_time = end_time or time_ns()
            self._processor.on_end(self)


class LightTracer(trace.Tracer):
    def __init__(self, provider: TracerProvider, scope: InstrumentationScope) -> None:
        self._scope = scope
        self._sampler, self._ids = provider.sampler, provider.id_generator
        # Of a trace that begins here.
        self._flags = _SAMPLED | (_RANDOM if self._ids.is_trace_id_random() else 0)
        self._processor, self._resource = provider._active_span_processor, provider.resource

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        known = span_in(current_context() if context is None else context).get_span_context()
        parent = known if known.is_valid else None
        own, given = self._sample(parent, context, name, kind, attributes, links or ())
        if given is None:
            return trace.NonRecordingSpan(own)
        return LightSpan(
            self._processor,
            name,
            own,
            parent,
            kind,
            given,
            list(links or ()),
            start_time or time_ns(),
            self._resource,
            self._scope,
        )

    def _sample(
        self, parent: SpanContext | None, context: Context | None, *about: Any
    ) -> tuple[SpanContext, dict[str, AnyValue] | None]:
        """What a new span is called, and its first attributes if it is to be recorded."""
        if parent is None:
            trace_id, flags, state = self._ids.generate_trace_id(), self._flags, None
        else:
            trace_id, _, _, flags, state, _ = parent
        span_id = self._ids.generate_span_id()
        given: dict[str, AnyValue] | None = None
        # These two are asked for every span there is: nothing is exported, or all that its caller
        # has sampled.
        if self._sampler is ALWAYS_OFF:
            sampled = False
        elif self._sampler is DEFAULT_ON:
            sampled = bool(flags & _SAMPLED)
            given = dict(about[2] or {}) if sampled else None
        else:
            chosen = self._sampler.should_sample(context, trace_id, *about)
            sampled, state = chosen.decision is Decision.RECORD_AND_SAMPLE, chosen.trace_state
            if chosen.decision is not Decision.DROP:
                given = dict(chosen.attributes or {})
        own = _FLAGS[flags & _RANDOM | (_SAMPLED if sampled else 0)]
        return SpanContext(trace_id, span_id, False, own, state), given

    def start_as_current_span(  # type: ignore[override]  # as use_span: not for decorating
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> AbstractContextManager[trace.Span]:
        span = self.start_span(name, context, kind, attributes, links, start_time)
        return trace.use_span(span, end_on_exit, record_exception, set_status_on_exception)


class LightTracerProvider(TracerProvider):
    """The SDK's in everything but the spans."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._light_tracers: dict[InstrumentationScope, LightTracer] = {}

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> trace.Tracer:
        scope = InstrumentationScope(
            instrumenting_module_name, instrumenting_library_version or "", schema_url, attributes
        )
        known = self._light_tracers.get(scope)
        return known or self._light_tracers.setdefault(scope, LightTracer(self, scope))
