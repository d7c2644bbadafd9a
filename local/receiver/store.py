"""Everything received, bounded by number and by bytes; the oldest goes first and is counted."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from local.receiver.records import LogLine, Origin, Series, SpanRecord
from local.receiver.traces import Trace


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the store, and of one request before and after decompression."""

    traces: int = 1000
    spans_per_trace: int = 2000
    trace_bytes: int = 64 * 1024 * 1024
    logs: int = 10_000
    log_bytes: int = 16 * 1024 * 1024
    series: int = 5000
    series_bytes: int = 16 * 1024 * 1024
    # A sender repeats its metrics every minute at the latest; a series silent for longer is gone.
    series_seconds: float = 300.0
    request_bytes: int = 4 * 1024 * 1024
    # The SDK sends 512 at a time, a collector 8192.
    request_records: int = 20_000


class Sized(Protocol):
    @property
    def size(self) -> int: ...
    @property
    def origin(self) -> Origin: ...


class Ledger:
    """The bytes of all records held. An origin counts once, however many records share it."""

    def __init__(self) -> None:
        self.bytes = 0
        self._uses: Counter[Origin] = Counter()

    def hold(self, record: Sized) -> None:
        self.bytes += record.size
        if not self._uses[record.origin]:
            self.bytes += record.origin.size
        self._uses[record.origin] += 1

    def release(self, record: Sized) -> None:
        self.bytes -= record.size
        self._uses[record.origin] -= 1
        if not self._uses[record.origin]:
            self.bytes -= record.origin.size
            del self._uses[record.origin]


class TraceStore:
    """Traces by id, the one that changed last at the end."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits, self._clock = limits, clock
        self._traces: dict[str, Trace] = {}
        self.ledger = Ledger()
        self.spans = self.dropped_traces = self.dropped_spans = 0

    def __len__(self) -> int:
        return len(self._traces)

    def __iter__(self) -> Iterator[Trace]:
        return iter(self._traces.values())

    def find(self, trace_id: str) -> Trace | None:
        return self._traces.get(trace_id)

    def add(self, span: SpanRecord) -> None:
        trace = self._traces.pop(span.trace_id, None) or Trace(span.trace_id)
        self._traces[span.trace_id] = trace
        trace.changed_at = self._clock()
        if not trace.has_room_for(span, self._limits.spans_per_trace):
            trace.dropped_spans += 1
            self.dropped_spans += 1
            return
        replaced = trace.put(span)
        self.ledger.hold(span)
        self.spans += 1
        if replaced is not None:  # a batch that its sender repeated
            self.ledger.release(replaced)
            self.spans -= 1
        while len(self) > self._limits.traces or self.ledger.bytes > self._limits.trace_bytes:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        trace = self._traces.pop(next(iter(self._traces)))
        for span in trace.spans.values():
            self.ledger.release(span)
        self.spans -= len(trace.spans)
        self.dropped_spans += len(trace.spans)
        self.dropped_traces += 1

    def of_order(self, order_id: str) -> Trace | None:
        """The trace that accepted the order: it has the publisher's span. A repeated request has
        one too, but not the storing, so the trace with most spans wins, then the newest."""
        found = [
            summary
            for summary in (trace.summary for trace in self)
            if order_id in summary.order_ids and "publisher" in summary.services
        ]
        if not found:
            return None
        best = max(found, key=lambda summary: (summary.span_count, summary.started_ns))
        return self._traces[best.trace_id]


class LogStore:
    """Log lines in the order of their arrival."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lines: deque[LogLine] = deque()
        self.ledger = Ledger()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._lines)

    def newest(self) -> Iterator[LogLine]:
        return reversed(self._lines)

    def add(self, line: LogLine) -> None:
        self._lines.append(line)
        self.ledger.hold(line)
        while len(self) > self._limits.logs or self.ledger.bytes > self._limits.log_bytes:
            self.ledger.release(self._lines.popleft())
            self.dropped += 1

    def of_trace(self, trace_id: str) -> list[LogLine]:
        found = [line for line in self._lines if line.trace_id == trace_id]
        return sorted(found, key=lambda line: line.time_ns)


class SeriesStore:
    """The latest point of each series, the one that changed last at the end."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits, self._clock = limits, clock
        self._series: dict[tuple[object, ...], tuple[float, Series]] = {}
        self.ledger = Ledger()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._series)

    def current(self) -> list[Series]:
        self._forget_silent()
        return [series for _, series in self._series.values()]

    def add(self, series: Series) -> None:
        replaced = self._series.pop(series.key, None)
        self._series[series.key] = (self._clock(), series)
        self.ledger.hold(series)
        if replaced is not None:
            self.ledger.release(replaced[1])
        self._forget_silent()
        while len(self) > self._limits.series or self.ledger.bytes > self._limits.series_bytes:
            self._drop_oldest()
            self.dropped += 1

    def _forget_silent(self) -> None:
        oldest_allowed = self._clock() - self._limits.series_seconds
        while self._series and next(iter(self._series.values()))[0] < oldest_allowed:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, series = self._series.pop(next(iter(self._series)))
        self.ledger.release(series)


class Store:
    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits, self.clock = limits, clock
        self.clear()

    def clear(self) -> None:
        self.traces = TraceStore(self.limits, self.clock)
        self.logs = LogStore(self.limits)
        self.metrics = SeriesStore(self.limits, self.clock)

    def counts(self) -> dict[str, int]:
        """What is held and what was dropped for want of room."""
        traces, logs, metrics = self.traces, self.logs, self.metrics
        return {
            "traces": len(traces),
            "spans": traces.spans,
            "logs": len(logs),
            "series": len(metrics),
            "bytes": traces.ledger.bytes + logs.ledger.bytes + metrics.ledger.bytes,
            "dropped_traces": traces.dropped_traces,
            "dropped_spans": traces.dropped_spans,
            "dropped_logs": logs.dropped,
            "dropped_series": metrics.dropped,
        }
