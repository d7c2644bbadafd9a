"""Averages and quantiles of a `Histogram`."""

from local.receiver.records import Histogram


def average(histogram: Histogram) -> float | None:
    return histogram.total / histogram.count if histogram.count else None


def quantile(histogram: Histogram, fraction: float) -> float | None:
    """An estimate by the rules of Prometheus's `histogram_quantile`: linear inside the bucket, the
    first one beginning at zero unless it ends below; the last bound for what is above it."""
    counts, bounds = histogram.bucket_counts, histogram.bounds
    total = sum(counts)
    if not total or not bounds or len(counts) != len(bounds) + 1:
        return None
    rank, seen = fraction * total, 0
    for index, (count, upper) in enumerate(zip(counts, bounds, strict=False)):
        if count and seen + count >= rank:
            lower = bounds[index - 1] if index else min(0.0, upper)
            return lower + (upper - lower) * (rank - seen) / count
        seen += count
    return bounds[-1]
