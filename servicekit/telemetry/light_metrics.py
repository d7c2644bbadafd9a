"""Counters and histograms that cost a tenth of the SDK's, whose provider and readers they have.
What is observed at export is left to the SDK."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, cast

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricReader,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import Attributes

from servicekit.telemetry.light_instruments import LightInstrument

_BOUNDS = tuple(
    map(float, (0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000))
)


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
