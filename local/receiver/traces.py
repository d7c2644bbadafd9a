"""One trace, put together from spans that arrive in any order."""

from dataclasses import dataclass, field

from local.receiver.records import SpanRecord


@dataclass(frozen=True, slots=True)
class TraceSummary:
    trace_id: str
    name: str
    services: tuple[str, ...]  # in the order in which they took part
    span_count: int
    error_count: int
    started_ns: int
    duration_ns: int
    order_ids: tuple[str, ...]


@dataclass(slots=True)
class Trace:
    trace_id: str
    spans: dict[str, SpanRecord] = field(default_factory=dict)
    dropped_spans: int = 0
    size: int = 0
    changed_at: float = 0.0
    _summary: TraceSummary | None = None

    def add(self, span: SpanRecord, max_spans: int) -> bool:
        """False if the trace is full. A batch that its sender repeated replaces its spans."""
        replaced = self.spans.get(span.span_id)
        if replaced is None and len(self.spans) >= max_spans:
            self.dropped_spans += 1
            return False
        self.spans[span.span_id] = span
        self.size += span.size - (replaced.size if replaced else 0)
        self._summary = None
        return True

    @property
    def summary(self) -> TraceSummary:
        if self._summary is None:
            self._summary = self._summarise()
        return self._summary

    def _summarise(self) -> TraceSummary:
        spans = sorted(self.spans.values(), key=lambda span: span.started_ns)
        # While the root is still on its way, the first span whose parent is unknown stands in.
        roots = [span for span in spans if not span.parent_id]
        orphans = [span for span in spans if span.parent_id not in self.spans]
        root = (roots or orphans or spans)[0]
        started_ns = spans[0].started_ns
        return TraceSummary(
            trace_id=self.trace_id,
            name=root.name,
            services=tuple(dict.fromkeys(span.service for span in spans)),
            span_count=len(spans),
            error_count=sum(span.failed for span in spans),
            started_ns=started_ns,
            duration_ns=max(0, *(span.ended_ns - started_ns for span in spans)),
            order_ids=tuple(dict.fromkeys(span.order_id for span in spans if span.order_id)),
        )

    def mentions(self, text: str) -> bool:
        """Whether the id, a span's name or, since strings are plain inside the serialised form,
        any of its attributes has the text; letters of ASCII in either case."""
        wanted = text.lower()
        needle = wanted.encode(errors="replace")
        return self.trace_id.startswith(wanted) or any(
            wanted in span.name.lower()
            or wanted in span.service.lower()
            or needle in span.raw.lower()
            for span in self.spans.values()
        )
