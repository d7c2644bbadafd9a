"""Everything received, bounded by number and by bytes; the oldest goes first and is counted."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Generic, Protocol, TypeVar

from local.receiver.records import LogLine, Series, SpanRecord
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
    # A sender repeats its metrics every minute at the latest; a series older than this is stale.
    series_seconds: float = 300.0
    request_bytes: int = 4 * 1024 * 1024
    # The SDK sends 512 at a time, a collector 8192.
    request_records: int = 20_000


class Sized(Protocol):
    @property
    def size(self) -> int: ...


Item = TypeVar("Item", bound=Sized)


class BoundedStore(Generic[Item]):
    """Items by key, the one that was put last at the end."""

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self._max_items, self._max_bytes = max_items, max_bytes
        self._items: OrderedDict[Hashable, Item] = OrderedDict()
        self.bytes = self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def get(self, key: Hashable) -> Item | None:
        return self._items.get(key)

    def pop(self, key: Hashable) -> Item | None:
        item = self._items.pop(key, None)
        self.bytes -= item.size if item is not None else 0
        return item

    def put(self, key: Hashable, item: Item) -> None:
        self.pop(key)
        self._items[key] = item
        self.bytes += item.size
        while len(self) > self._max_items or self.bytes > self._max_bytes:
            _, oldest = self._items.popitem(last=False)
            self.bytes -= oldest.size
            self.dropped += 1
            self.on_drop(oldest)

    def on_drop(self, item: Item) -> None:
        """For what else has to be counted."""


class TraceStore(BoundedStore[Trace]):
    """Traces by id, the one that changed last at the end."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        super().__init__(limits.traces, limits.trace_bytes)
        self._max_spans, self._clock = limits.spans_per_trace, clock
        self.dropped_spans = 0

    def add(self, span: SpanRecord) -> None:
        trace = self.pop(span.trace_id) or Trace(span.trace_id)
        trace.changed_at = self._clock()
        if not trace.add(span, self._max_spans):
            self.dropped_spans += 1
        self.put(span.trace_id, trace)

    def on_drop(self, item: Trace) -> None:
        self.dropped_spans += len(item.spans)

    def of_order(self, order_id: str) -> Trace | None:
        """The trace that accepted the order: it has the publisher's span. A repeated request has
        one too, but not the storing, so the trace with most spans wins, then the newest."""
        found = [
            trace
            for trace in self
            if order_id in trace.summary.order_ids and "publisher" in trace.summary.services
        ]
        return max(
            found,
            key=lambda trace: (trace.summary.span_count, trace.summary.started_ns),
            default=None,
        )


class LogStore(BoundedStore[LogLine]):
    """Log lines in the order of their arrival."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits.logs, limits.log_bytes)
        self._numbers = count()

    def add(self, line: LogLine) -> None:
        self.put(next(self._numbers), line)

    def newest(self) -> Iterator[LogLine]:
        return reversed(self._items.values())

    def of_trace(self, trace_id: str) -> list[LogLine]:
        found = [line for line in self if line.trace_id == trace_id]
        return sorted(found, key=lambda line: line.time_ns)


class SeriesStore(BoundedStore[Series]):
    """The latest point of each series, the one that changed last at the end."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        super().__init__(limits.series, limits.series_bytes)
        self._max_age, self._clock = limits.series_seconds, clock
        self._changed_at: OrderedDict[Hashable, float] = OrderedDict()

    def add(self, series: Series) -> None:
        self._changed_at[series.key] = self._clock()
        self._changed_at.move_to_end(series.key)
        self.put(series.key, series)
        self._drop_expired()

    def on_drop(self, item: Series) -> None:
        del self._changed_at[item.key]

    def current(self) -> list[Series]:
        self._drop_expired()
        return list(self)

    def _drop_expired(self) -> None:
        oldest_allowed = self._clock() - self._max_age
        while self._changed_at and next(iter(self._changed_at.values())) < oldest_allowed:
            key, _ = self._changed_at.popitem(last=False)
            self.pop(key)


class Store:
    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits, self.clock = limits, clock
        self.clear()

    def clear(self) -> None:
        self.traces = TraceStore(self.limits, self.clock)
        self.logs = LogStore(self.limits)
        self.metrics = SeriesStore(self.limits, self.clock)

    def counts(self) -> dict[str, int]:
        """What is held and what was dropped to stay within the limits."""
        return {
            "traces": len(self.traces),
            "spans": sum(len(trace.spans) for trace in self.traces),
            "logs": len(self.logs),
            "series": len(self.metrics),
            "bytes": self.traces.bytes + self.logs.bytes + self.metrics.bytes,
            "dropped_traces": self.traces.dropped,
            "dropped_spans": self.traces.dropped_spans,
            "dropped_logs": self.logs.dropped,
            "dropped_series": self.metrics.dropped,
        }
