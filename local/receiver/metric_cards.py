"""Metric series grouped by name and ready to draw."""

from collections.abc import Iterable
from dataclasses import dataclass

from local.receiver.histograms import average, percentile
from local.receiver.records import Distribution, Instrument, Series

MOST_COLUMNS = 32


@dataclass(frozen=True, slots=True)
class Column:
    """One bar of a histogram, in percent of the drawing."""

    left: float
    width: float
    height: float
    label: str


@dataclass(frozen=True, slots=True)
class Figures:
    average: float | None
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class MetricLine:
    series: Series
    figures: Figures | None
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class MetricCard:
    instrument: Instrument
    lines: tuple[MetricLine, ...]

    @property
    def is_distribution(self) -> bool:
        return any(line.figures for line in self.lines)


def cards_of(found: Iterable[Series], most: int) -> list[MetricCard]:
    """The shop's own metrics first, then by name; at most so many series in all."""
    groups: dict[str, list[Series]] = {}
    for series in sorted(found, key=_place)[:most]:
        groups.setdefault(series.instrument.name, []).append(series)
    return [
        MetricCard(group[-1].instrument, tuple(_line(series) for series in group))
        for group in groups.values()
    ]


def _place(series: Series) -> tuple[bool, str, str, tuple[tuple[str, str], ...]]:
    name = series.instrument.name
    return (not name.startswith("arloji."), name, series.service, series.attributes)


def _line(series: Series) -> MetricLine:
    point = series.point
    if not isinstance(point, Distribution):
        return MetricLine(series, None, ())
    figures = Figures(
        average(point), percentile(point, 0.5), percentile(point, 0.95), percentile(point, 0.99)
    )
    return MetricLine(series, figures, columns_of(point))


def columns_of(point: Distribution) -> tuple[Column, ...]:
    """The buckets from the first to the last that is not empty, each equally wide: their bounds
    grow roughly by factors, so this is close to a logarithmic scale. Neighbours share a column
    where there are more than can be seen."""
    counts = point.bucket_counts
    filled = [index for index, count in enumerate(counts) if count]
    if not filled or len(counts) != len(point.bounds) + 1:
        return ()
    shown = range(max(0, filled[0] - 1), min(len(counts), filled[-1] + 2))
    step = -(-len(shown) // MOST_COLUMNS)
    groups = [shown[place : place + step] for place in range(0, len(shown), step)]
    totals = [sum(counts[index] for index in group) for group in groups]
    width, highest = 100 / len(groups), max(totals)
    return tuple(
        Column(
            left=round(place * width, 3),
            width=round(width * 0.86, 3),
            height=round(100 * total / highest, 3),
            label=f"{_bucket(point, group[-1])}: {total}",
        )
        for place, (group, total) in enumerate(zip(groups, totals, strict=True))
    )


def _bucket(point: Distribution, index: int) -> str:
    if index < len(point.bounds):
        return f"≤ {point.bounds[index]:g}"
    return f"> {point.bounds[-1]:g}" if point.bounds else "all"
