"""OTLP metrics as series, every kind of histogram as one `Distribution`."""

from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)

from local.receiver.decode import Origins, hex_id
from local.receiver.records import Distribution, Instrument, Origin, Series
from local.receiver.values import text_attributes

# An exponential histogram of the SDK has 160 at most. The parsed form of a bucket is some hundred
# bytes where the wire has one, so a body of bounded size alone would not bound the memory.
MOST_BUCKETS = 2000

Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint

_TEMPORALITIES: dict[Any, str] = {
    AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE: "cumulative",
    AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA: "delta",
}


def decode_series(
    request: ExportMetricsServiceRequest, origins: Origins
) -> Iterator[Series | None]:
    """Yields None for a point that no float can hold or that has over MOST_BUCKETS buckets."""
    for resource_metrics in request.resource_metrics:
        for group in filter(lambda one: one.metrics, resource_metrics.scope_metrics):
            origin = origins.of(
                resource_metrics.resource,
                resource_metrics.schema_url,
                group.scope,
                group.schema_url,
            )
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
        kind=kind.replace("_", " "),
        monotonic=getattr(data, "is_monotonic", False),
        temporality=_TEMPORALITIES.get(temporality, ""),
    )
    for point in data.data_points:
        if point.flags & DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK:
            continue
        if _bucket_count(point) > MOST_BUCKETS:
            yield None
            continue
        try:
            yield _series(instrument, origin, point)
        except OverflowError:
            yield None


def _bucket_count(point: Point) -> int:
    if isinstance(point, HistogramDataPoint):
        return max(len(point.bucket_counts), len(point.explicit_bounds))
    if isinstance(point, ExponentialHistogramDataPoint):
        return len(point.negative.bucket_counts) + len(point.positive.bucket_counts)
    return 0


def _series(instrument: Instrument, origin: Origin, point: Point) -> Series:
    exemplars = () if isinstance(point, SummaryDataPoint) else point.exemplars
    traced = [hex_id(exemplar.trace_id, 16) for exemplar in exemplars]
    return Series(
        instrument=instrument,
        origin=origin,
        attributes=text_attributes(point.attributes),
        time_ns=point.time_unix_nano,
        point=_value(point),
        exemplar_trace_id=next(filter(None, reversed(traced)), ""),
        payload_bytes=point.ByteSize(),
    )


def _value(point: Point) -> float | int | Distribution:
    if isinstance(point, NumberDataPoint):
        number: float | int = point.as_int if point.HasField("as_int") else point.as_double
        return number
    if isinstance(point, HistogramDataPoint):
        return Distribution(
            count=point.count,
            total=point.sum,
            bounds=tuple(point.explicit_bounds),
            bucket_counts=tuple(point.bucket_counts),
            minimum=point.min if point.HasField("min") else None,
            maximum=point.max if point.HasField("max") else None,
        )
    if isinstance(point, ExponentialHistogramDataPoint):
        return _explicit(point)
    return Distribution(count=point.count, total=point.sum, bounds=(), bucket_counts=())


def _explicit(point: ExponentialHistogramDataPoint) -> Distribution:
    """Bucket *i* of scale *s* ends at base**(i + 1) with base = 2**(2**-s) (OpenTelemetry metrics
    data model, ExponentialHistogram); below zero the same, mirrored."""
    exponent = 2.0**-point.scale
    negative, positive = point.negative, point.positive
    buckets: list[tuple[float, int]] = [
        (-(2.0 ** (exponent * (negative.offset + index))), count)
        for index, count in reversed(list(enumerate(negative.bucket_counts)))
    ]
    buckets.append((point.zero_threshold, point.zero_count))
    if positive.bucket_counts:  # nothing lies between the zero bucket and the first positive one
        buckets.append((max(point.zero_threshold, 2.0 ** (exponent * positive.offset)), 0))
    buckets += [
        (2.0 ** (exponent * (positive.offset + index + 1)), count)
        for index, count in enumerate(positive.bucket_counts)
    ]
    return Distribution(
        count=point.count,
        total=point.sum,
        bounds=tuple(bound for bound, _ in buckets),
        bucket_counts=(*(count for _, count in buckets), 0),
        minimum=point.min if point.HasField("min") else None,
        maximum=point.max if point.HasField("max") else None,
    )
