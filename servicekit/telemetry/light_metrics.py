"""Counters and histograms that cost a tenth of the SDK's, whose provider and readers they have.

A measurement finds its series by its attributes as they are given; the SDK cleans, sorts and
types them first, each time. What is observed at export is left to the SDK.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from math import inf
from threading import Lock
from time import time_ns
from typing import Any, cast

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import Exemplar, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricReader,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import Attributes

# As the specification has it: what comes then is counted together.
_MOST_SERIES = 2000
_OVERFLOW = (("otel.metric.overflow", True),)
_BOUNDS = tuple(
    map(float, (0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000))
)
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
        self._described = partial(Metric, name, description, unit)
        self._lock = Lock()
        self._series: dict[frozenset[Any], _Series] = {}
        # The same attributes in another order are another key here.
        self._by_order: dict[tuple[Any, ...], _Series] = {}

    def add(
        self, amount: float, attributes: Attributes = None, context: Context | None = None
    ) -> None:
        if amount >= 0 or self._kind is metrics.UpDownCounter:
            self._note(amount, attributes, context)

    def record(
        self, amount: float, attributes: Attributes = None, context: Context | None = None
    ) -> None:
        if amount >= 0:
            self._note(amount, attributes, context)

    def _note(self, amount: float, attributes: Attributes, context: Context | None) -> None:
        key = tuple(attributes.items()) if attributes else ()
        with self._lock:
            series = self._by_order.get(key) or self._find_series(key)
            bucket = bisect_left(self._bounds, amount)
            series.counts[bucket] += 1
            series.total += amount
            if amount < series.least:
                series.least = amount
            if amount > series.most:
                series.most = amount
            span = trace.get_current_span(context).get_span_context()
            if span.trace_flags & trace.TraceFlags.SAMPLED:
                series.examples[bucket] = amount, time_ns(), span

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


class LightMeter:
    """The SDK's meter but for three kinds of instruments; one of each name."""

    def __init__(self, meter: metrics.Meter, left_out: Sequence[str]) -> None:
        self._meter, self._left_out = meter, left_out
        self.instruments: dict[str, LightInstrument] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._meter, name)

    def create_counter(self, name: str, unit: str = "", description: str = "") -> LightInstrument:
        return self._create(metrics.Counter, name, unit, description)

    def create_up_down_counter(
        self, name: str, unit: str = "", description: str = ""
    ) -> LightInstrument:
        return self._create(metrics.UpDownCounter, name, unit, description)

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> LightInstrument:
        bounds = explicit_bucket_boundaries_advisory or _BOUNDS
        return self._create(metrics.Histogram, name, unit, description, bounds)

    def _create(self, kind: type, name: str, *described: Any) -> LightInstrument:
        made = self.instruments.get(name) or LightInstrument(kind, name, *described)
        if not any(fnmatchcase(name, pattern) for pattern in self._left_out):
            self.instruments[name] = made
        return made


class LightMeterProvider(MeterProvider):
    """The SDK's, for readers of its own. `left_out` are patterns of names: what such counters and
    histograms measure is not exported."""

    def __init__(
        self,
        metric_readers: Sequence[MetricReader],
        resource: Resource,
        left_out: Sequence[str] = (),
    ) -> None:
        super().__init__(metric_readers, resource, shutdown_on_exit=False)
        self._resource_of_all, self._left_out = resource, left_out
        self._meters_of_all: dict[InstrumentationScope, LightMeter] = {}
        for reader in metric_readers:
            from_sdk = cast(Any, reader)._collect
            joined: Any = partial(self._collect_all, from_sdk)
            reader._set_collect_callback(joined)

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> metrics.Meter:
        scope = InstrumentationScope(name, version, schema_url, attributes)
        if scope not in self._meters_of_all:
            meter = super().get_meter(name, version, schema_url, attributes)
            self._meters_of_all.setdefault(scope, LightMeter(meter, self._left_out))
        return cast(metrics.Meter, self._meters_of_all[scope])

    def _collect_all(
        self, from_sdk: Callable[..., MetricsData | None], *args: Any, **options: Any
    ) -> MetricsData | None:
        ours = {
            scope: [one for made in list(meter.instruments.values()) if (one := made.collect())]
            for scope, meter in list(self._meters_of_all.items())
        }
        data, resource = from_sdk(*args, **options), self._resource_of_all
        theirs = ResourceMetrics(resource, [], resource.schema_url)
        if data is not None and data.resource_metrics:
            (theirs,) = data.resource_metrics
        # One of each scope: of two the encoder sends the last.
        scopes = [
            replace(one, metrics=[*one.metrics, *ours.pop(one.scope, [])])
            for one in theirs.scope_metrics
        ]
        scopes += [ScopeMetrics(key, one, key.schema_url or "") for key, one in ours.items() if one]
        return MetricsData([replace(theirs, scope_metrics=scopes)]) if scopes else data
