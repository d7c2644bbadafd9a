"""OTLP gauges, sums and histograms with explicit bounds as series."""

from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

from local.receiver.decode import Origins, hex_id
from local.receiver.records import Histogram, Instrument, Origin, Series
from local.receiver.values import text_attributes

KINDS = frozenset({"gauge", "sum", "histogram"})
# The SDK's default has 16. The parsed form of a bucket is some hundred bytes where the wire has
# one, so a body of bounded size alone would not bound the memory.
MAX_BUCKETS = 200

_TEMPORALITIES: dict[Any, str] = {
    AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE: "cumulative",
    AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA: "delta",
}


def decode_series(
    request: ExportMetricsServiceRequest, origins: Origins
) -> Iterator[Series | None]:
    """Yields None for a point of another kind, or with over MAX_BUCKETS buckets."""
    for resource_metrics in request.resource_metrics:
        for group in filter(lambda one: one.metrics, resource_metrics.scope_metrics):
            origin = origins.of(resource_metrics, group)
            for metric in group.metrics:
                yield from _series_of(metric, origin)


def _series_of(metric: Metric, origin: Origin) -> Iterator[Series | None]:
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    temporality = getattr(data, "aggregation_temporality", None)
    instrument = Instrument(
        name=metric.name,
        unit=metric.unit,
        description=metric.description,
        kind=kind,
        temporality=_TEMPORALITIES.get(temporality, ""),
    )
    for point in data.data_points:
        if not point.flags & DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK:
            yield _series(instrument, origin, point) if _is_supported(kind, point) else None


def _is_supported(kind: str, point: Any) -> bool:
    if kind == "histogram":
        return max(len(point.bucket_counts), len(point.explicit_bounds)) <= MAX_BUCKETS
    return kind in KINDS


def _series(
    instrument: Instrument, origin: Origin, point: NumberDataPoint | HistogramDataPoint
) -> Series:
    traced = [hex_id(exemplar.trace_id, 16) for exemplar in point.exemplars]
    return Series(
        instrument=instrument,
        origin=origin,
        attributes=text_attributes(point.attributes),
        time_ns=point.time_unix_nano,
        value=_value(point),
        exemplar_trace_id=next(filter(None, reversed(traced)), ""),
        payload_bytes=point.ByteSize(),
    )


def _value(point: NumberDataPoint | HistogramDataPoint) -> float | int | Histogram:
    if isinstance(point, NumberDataPoint):
        number: float | int = point.as_int if point.HasField("as_int") else point.as_double
        return number
    return Histogram(
        count=point.count,
        total=point.sum,
        bounds=tuple(point.explicit_bounds),
        bucket_counts=tuple(point.bucket_counts),
    )
