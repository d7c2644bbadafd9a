"""A trace as OTLP JSON, drawn as a tree for the terminal."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class SpanNode:
    """One span and its children in the order in which they began."""

    span_id: str
    parent_id: str
    service: str
    name: str
    start_ns: int
    end_ns: int
    failed: bool
    children: list["SpanNode"] = field(default_factory=list)

    @property
    def milliseconds(self) -> float:
        return (self.end_ns - self.start_ns) / 1e6


def spans_of(trace: dict[str, Any]) -> list[SpanNode]:
    """Every span of `{"resourceSpans": […]}`, without children."""
    return [
        SpanNode(
            span_id=span["spanId"],
            parent_id=span.get("parentSpanId", ""),
            service=_service_name(resource_spans),
            # OTLP JSON leaves out what is empty or zero.
            name=span.get("name", ""),
            start_ns=int(span.get("startTimeUnixNano", 0)),
            end_ns=int(span.get("endTimeUnixNano", 0)),
            failed=span.get("status", {}).get("code") in (2, "STATUS_CODE_ERROR"),
        )
        for resource_spans in trace.get("resourceSpans", [])
        for scope_spans in resource_spans.get("scopeSpans", [])
        for span in scope_spans.get("spans", [])
    ]


def _service_name(resource_spans: dict[str, Any]) -> str:
    for attribute in resource_spans.get("resource", {}).get("attributes", []):
        if attribute["key"] == "service.name":
            return str(attribute["value"].get("stringValue", "?"))
    return "?"


def is_complete(spans: list[SpanNode]) -> bool:
    """Whether every parent has arrived."""
    known = {span.span_id for span in spans}
    return all(span.parent_id in known for span in spans if span.parent_id)


def roots_of(spans: list[SpanNode]) -> list[SpanNode]:
    """Link children to parents; a span whose parent has not arrived is a root of its own."""
    by_id = {span.span_id: span for span in spans}
    roots: list[SpanNode] = []
    for span in sorted(spans, key=lambda one: one.start_ns):
        parent = by_id.get(span.parent_id)
        (parent.children if parent else roots).append(span)
    return roots


def draw(spans: list[SpanNode]) -> str:
    """The tree with service, duration and the offset from the trace's first moment."""
    if not spans:
        return "(no spans)"
    begin = min(span.start_ns for span in spans)
    lines: list[str] = []
    for root in roots_of(spans):
        _draw_into(lines, root, begin, prefix="", branch="")
    return "\n".join(lines)


def _draw_into(lines: list[str], span: SpanNode, begin: int, prefix: str, branch: str) -> None:
    label = f"{prefix}{branch}{span.service}  {span.name}"
    offset = (span.start_ns - begin) / 1e6
    mark = "  FAILED" if span.failed else ""
    lines.append(f"{label:<78} {offset:8.1f} ms  +{span.milliseconds:.1f} ms{mark}")
    below = prefix + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
    for number, child in enumerate(span.children, 1):
        last = number == len(span.children)
        _draw_into(lines, child, begin, below, "└─ " if last else "├─ ")
