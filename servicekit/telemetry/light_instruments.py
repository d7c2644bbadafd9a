"""Counters and histograms that find a series by its attributes as they are given; the SDK's clean,
sort and type them first, each time."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from math import inf
from threading import Lock
from time import time_ns
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.util.types import Attributes

from servicekit.telemetry.current_span import current_context, span_in
from servicekit.telemetry.known_attributes import KnownAttributes

# As the specification has it: what comes then is counted together.
_MOST_SERIES = 2000
_OVERFLOW = (("otel.metric.overflow", True),)
_SAMPLED = trace.TraceFlags.SAMPLED
_CUMULATIVE = AggregationTemporality.CUMULATIVE


class _Series:
    """All measurements with the same attributes; `examples` holds the last one of each bucket
    that was made in a sampled trace."""

    __slots__ = ("attributes", "began", "counts", "examples", "least", "most", "total")

    def __init__(self, attributes: dict[str, Any], buckets: int) -> None:
        self.attributes, self.began = attributes, time_ns()
        self.counts = [0] * buckets
        self.total: float = 0
        self.least, self.most = inf, -inf
        self.examples: dict[int, tuple[float, int, trace.SpanContext]] = {}

    def take_examples(self) -> list[Exemplar]:
        taken, self.examples = self.examples, {}
        return [
            Exemplar({}, amount, at, span.span_id, span.trace_id)
            for amount, at, span in taken.values()
        ]


class LightInstrument(metrics.Counter, metrics.UpDownCounter, metrics.Histogram):
    """One of these three; which one is in `kind`."""

    def __init__(
        self, kind: type, name: str, unit: str, description: str, bounds: Sequence[float] = ()
    ) -> None:
        self._kind, self._bounds = kind, tuple(bounds)
        self._may_fall = kind is metrics.UpDownCounter
        self._described = partial(Metric, name, description, unit)
        self._lock = Lock()
        self._series: dict[frozenset[Any], _Series] = {}
        # The same attributes in another order are another key here.
        self._by_order: dict[tuple[Any, ...], _Series] = {}

    def add(
        self, amount: float, attributes: Attributes = None, context: Context | None = None
    ) -> None:
        if amount < 0 and not self._may_fall:
            return
        known = attributes.series if type(attributes) is KnownAttributes else None
        with self._lock:
            if known is None or (series := known.get(self)) is None:
                key = tuple(attributes.items()) if attributes else ()
                series = self._by_order.get(key) or self._find_series(key)
                if known is not None:
                    known[self] = series
            bucket = bisect_left(self._bounds, amount)
            series.counts[bucket] += 1
            series.total += amount
            if amount < series.least:
                series.least = amount
            if amount > series.most:
                series.most = amount
            span = span_in(current_context() if context is None else context).get_span_context()
            if span.trace_flags & _SAMPLED:
                series.examples[bucket] = amount, time_ns(), span

    record = add

    def _find_series(self, key: tuple[Any, ...]) -> _Series:
        if len(self._by_order) >= _MOST_SERIES:
            key = _OVERFLOW
        same = frozenset(key)
        if same not in self._series:
            self._series[same] = _Series(dict(key), len(self._bounds) + 1)
        return self._by_order.setdefault(key, self._series[same])

    def collect(self) -> Metric | None:
        """What was measured since the start; examples are told once."""
        now = time_ns()
        with self._lock:
            if not self._series:
                return None
            histogram = self._kind is metrics.Histogram
            point = self._histogram_point if histogram else self._number_point
            points: list[Any] = [point(series, now) for series in self._series.values()]
        if histogram:
            return self._described(Histogram(points, _CUMULATIVE))
        return self._described(Sum(points, _CUMULATIVE, self._kind is metrics.Counter))

    def _histogram_point(self, series: _Series, now: int) -> HistogramDataPoint:
        return HistogramDataPoint(
            series.attributes,
            series.began,
            now,
            sum(series.counts),
            series.total,
            list(series.counts),
            self._bounds,
            series.least,
            series.most,
            series.take_examples(),
        )

    def _number_point(self, series: _Series, now: int) -> NumberDataPoint:
        examples = series.take_examples()
        return NumberDataPoint(series.attributes, series.began, now, series.total, examples)
