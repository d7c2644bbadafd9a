"""Averages and percentiles of a `Distribution`."""

from local.receiver.records import Distribution


def average(distribution: Distribution) -> float | None:
    return distribution.total / distribution.count if distribution.count else None


def percentile(distribution: Distribution, fraction: float) -> float | None:
    """An estimate, as all that is known is the bucket: linear inside the bucket that holds the
    value, whose open ends are the recorded minimum and maximum where the sender gives them."""
    counts, bounds = distribution.bucket_counts, distribution.bounds
    total = sum(counts)
    if not total or len(counts) != len(bounds) + 1:
        return None
    rank, seen = fraction * total, 0
    for index, count in enumerate(counts):
        if count and seen + count >= rank:
            lower, upper = _ends(distribution, index)
            return lower + (upper - lower) * max(0.0, rank - seen) / count
        seen += count
    return distribution.maximum


def _ends(distribution: Distribution, index: int) -> tuple[float, float]:
    bounds = distribution.bounds
    lowest, highest = distribution.minimum, distribution.maximum
    if not bounds:
        mean = average(distribution) or 0.0
        return (mean if lowest is None else lowest, mean if highest is None else highest)
    # Outside of the bounds nothing is known but the extremes.
    below = min(0.0, bounds[0]) if lowest is None else min(lowest, bounds[0])
    above = bounds[-1] if highest is None else max(highest, bounds[-1])
    lower = bounds[index - 1] if index else below
    upper = bounds[index] if index < len(bounds) else above
    if lowest is not None:
        lower = min(max(lower, lowest), upper)
    if highest is not None:
        upper = max(min(upper, highest), lower)
    return lower, upper
