"""One trace as a tree with bars drawn to scale."""

import math
from dataclasses import dataclass

from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from local.receiver.decode import hex_id
from local.receiver.records import SpanRecord
from local.receiver.traces import Trace
from local.receiver.values import text_attributes

TextAttributes = tuple[tuple[str, str], ...]
MAX_INDENT = 12
_MAX_TICKS = 5
# In percent of the scale: a label further right would be cut off.
_MAX_TICK_PERCENT = 92.0


@dataclass(frozen=True, slots=True)
class SpanEvent:
    offset_ns: int
    name: str
    attributes: TextAttributes


@dataclass(frozen=True, slots=True)
class SpanLink:
    trace_id: str
    span_id: str
    attributes: TextAttributes


@dataclass(frozen=True, slots=True)
class Bar:
    """Left edge, width and event marks in percent of the trace."""

    left: float
    width: float
    marks: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Row:
    span: SpanRecord
    indent: int
    parent_missing: bool
    offset_ns: int
    bar: Bar
    message: str
    attributes: TextAttributes
    events: tuple[SpanEvent, ...]
    links: tuple[SpanLink, ...]


@dataclass(frozen=True, slots=True)
class Participant:
    service: str
    attributes: TextAttributes


def ticks_of(trace: Trace) -> list[tuple[float, float]]:
    """Place in percent and time in ns of each mark on the scale, at round times."""
    length = max(1, trace.summary.duration_ns)
    power = 10 ** max(0, math.floor(math.log10(length / _MAX_TICKS)))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= length / _MAX_TICKS)
    times = (number * step for number in range(_MAX_TICKS + 1))
    ticks = ((round(100 * time_ns / length, 3), time_ns) for time_ns in times)
    return [(place, time_ns) for place, time_ns in ticks if place <= _MAX_TICK_PERCENT]


def rows_of(trace: Trace) -> list[Row]:
    return [_row(trace, span, depth) for span, depth in in_tree_order(trace)]


def in_tree_order(trace: Trace) -> list[tuple[SpanRecord, int]]:
    """Each span after its parent, with its depth. Every span comes exactly once, whatever the
    parent ids say: cycles, which no honest sender makes, are cut at their earliest span."""
    children: dict[str, list[SpanRecord]] = {}
    for span in sorted(trace.spans.values(), key=lambda span: span.started_ns, reverse=True):
        known = span.parent_id in trace.spans
        children.setdefault(span.parent_id if known else "", []).append(span)
    ordered: list[tuple[SpanRecord, int]] = []
    seen: set[str] = set()
    cycles = sorted(trace.spans.values(), key=lambda span: span.started_ns, reverse=True)
    stack = [(span, 0) for span in children.get("", [])]
    while stack or cycles:
        span, depth = stack.pop() if stack else (cycles.pop(), 0)
        if span.span_id in seen:
            continue
        seen.add(span.span_id)
        ordered.append((span, depth))
        stack += [(child, depth + 1) for child in children.get(span.span_id, [])]
    return ordered


def _row(trace: Trace, record: SpanRecord, depth: int) -> Row:
    span, start = Span.FromString(record.raw), trace.summary.started_ns
    return Row(
        span=record,
        indent=min(depth, MAX_INDENT),
        parent_missing=bool(record.parent_id) and record.parent_id not in trace.spans,
        offset_ns=record.started_ns - start,
        bar=_bar(trace, record, span),
        message=span.status.message,
        attributes=text_attributes(span.attributes),
        events=tuple(
            SpanEvent(event.time_unix_nano - start, event.name, text_attributes(event.attributes))
            for event in span.events
        ),
        links=tuple(
            SpanLink(
                hex_id(link.trace_id, 16), hex_id(link.span_id, 8), text_attributes(link.attributes)
            )
            for link in span.links
            if hex_id(link.trace_id, 16)
        ),
    )


def _bar(trace: Trace, record: SpanRecord, span: Span) -> Bar:
    start, length = trace.summary.started_ns, max(1, trace.summary.duration_ns)

    def percent(time_ns: int) -> float:
        return round(min(100.0, max(0.0, 100 * (time_ns - start) / length)), 3)

    left = percent(record.started_ns)
    return Bar(
        left=left,
        width=round(percent(record.started_ns + record.duration_ns) - left, 3),
        marks=tuple(percent(event.time_unix_nano) for event in span.events),
    )


def participants_of(trace: Trace) -> list[Participant]:
    """The resources behind the trace, in the order in which they took part."""
    found: dict[Participant, None] = {}
    for span in sorted(trace.spans.values(), key=lambda span: span.started_ns):
        resource = ResourceSpans.FromString(span.origin.envelope).resource
        found[Participant(span.service, text_attributes(resource.attributes))] = None
    return list(found)
