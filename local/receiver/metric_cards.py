"""Metric series grouped by name and ready to draw."""

from collections.abc import Iterable
from dataclasses import dataclass

from local.receiver.histograms import average, quantile
from local.receiver.records import Histogram, Instrument, Series


@dataclass(frozen=True, slots=True)
class Bar:
    """One bucket of a histogram; numbers in percent of the drawing."""

    left: float
    width: float
    height: float
    label: str


@dataclass(frozen=True, slots=True)
class MetricLine:
    """A series; of a histogram with its figures by name, and a bar for each bucket."""

    series: Series
    figures: dict[str, float | None]
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class MetricCard:
    instrument: Instrument
    lines: tuple[MetricLine, ...]


def cards_of(found: Iterable[Series], max_series: int) -> list[MetricCard]:
    """The shop's own metrics first, then by name; at most so many series in all."""
    groups: dict[Instrument, list[Series]] = {}
    for series in sorted(found, key=_place)[:max_series]:
        groups.setdefault(series.instrument, []).append(series)
    return [MetricCard(about, tuple(map(_line, group))) for about, group in groups.items()]


def _place(series: Series) -> tuple[bool, str, str, tuple[tuple[str, str], ...]]:
    name = series.instrument.name
    return (not name.startswith("arloji."), name, series.service, series.attributes)


def _line(series: Series) -> MetricLine:
    value = series.value
    if not isinstance(value, Histogram):
        return MetricLine(series, {}, ())
    quantiles = {f"p{100 * one:.0f}": quantile(value, one) for one in (0.5, 0.95, 0.99)}
    return MetricLine(series, {"average": average(value), **quantiles}, bars_of(value))


def bars_of(histogram: Histogram) -> tuple[Bar, ...]:
    """The buckets from the first to the last that is not empty, each equally wide: their bounds
    grow roughly by factors, so this is close to a logarithmic scale."""
    counts, bounds = histogram.bucket_counts, histogram.bounds
    filled = [index for index, count in enumerate(counts) if count]
    if not filled or len(counts) != len(bounds) + 1:
        return ()
    shown = range(max(0, filled[0] - 1), min(len(counts), filled[-1] + 2))
    labels = [*(f"≤ {bound:g}" for bound in bounds), f"> {bounds[-1]:g}" if bounds else "all"]
    width = 100 / len(shown)
    return tuple(
        Bar(
            left=round(place * width, 3),
            width=round(width * 0.86, 3),
            height=round(100 * counts[index] / max(counts), 3),
            label=f"{labels[index]}: {counts[index]}",
        )
        for place, index in enumerate(shown)
    )
