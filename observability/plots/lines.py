"""A panel of lines over time."""

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.ticker import FuncFormatter, MultipleLocator
from matplotlib.transforms import ScaledTranslation

from observability.plots.units import bytes_between_ticks, write

Panel = dict[str, Any]
COLORS = {"green": "#2e7d32", "orange": "#e69f00", "red": "#c62828"}
# Below the plot, which they would hide.
_TICKS_INCHES = 0.17
# As Grafana's `spanNulls`: over a longer pause no line is drawn.
_PAUSE_SECONDS = 60


def unit_of(panel: Panel) -> str:
    unit: str = panel["fieldConfig"]["defaults"]["unit"]
    return unit


def draw_lines(axes: Any, panel: Panel) -> None:
    shown = panel["fieldConfig"]["defaults"]
    series = {
        one["name"] or panel["title"]: {float(t): float(v) for t, v in one["values"]}
        for one in panel["series"]
    }
    mode = shown["custom"]["stacking"]["mode"]
    if mode == "none":
        for name, points in series.items():
            axes.plot(*_with_pauses(points), label=name, linewidth=1.1)
    else:
        _stacked(axes, series, as_shares=mode == "percent")
    if "min" in shown:
        # A line that hardly moves would lie on the frame.
        axes.set_ylim(bottom=shown["min"], top=1.04 * axes.get_ylim()[1])
    if "max" in shown and mode == "none":
        axes.set_ylim(top=max(shown["max"], axes.get_ylim()[1]))
    unit = "percentunit" if mode == "percent" else unit_of(panel)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value, unit)))
    if unit == "bytes":
        axes.yaxis.set_major_locator(MultipleLocator(bytes_between_ticks(*axes.get_ylim())))
    axes.grid(color="#dddddd", linewidth=0.5)
    _thresholds(axes, shown["thresholds"]["steps"])
    _minutes(axes, series)
    if has_names(panel):
        _name(axes)


def _with_pauses(points: Mapping[float, float]) -> tuple[list[float], list[float]]:
    times, values = list(points), list(points.values())
    for after in range(len(times) - 1, 0, -1):
        if times[after] - times[after - 1] > _PAUSE_SECONDS:
            times.insert(after, times[after])
            values.insert(after, math.nan)
    return times, values


def has_names(panel: Panel) -> bool:
    return panel["type"] == "timeseries" and len(panel["series"]) > 1


def _name(axes: Any) -> None:
    handles, names = axes.get_legend_handles_labels()
    in_a_line = 2 if max(map(len, names)) > 24 else 3
    shown = 2 * in_a_line
    chosen = handles[:shown], [name[:42] for name in names[:shown]]
    below_ticks = ScaledTranslation(-0.1, -_TICKS_INCHES, axes.figure.dpi_scale_trans)
    place = {"loc": "upper left", "bbox_to_anchor": (0, 0), "ncols": in_a_line}
    place["bbox_transform"] = axes.transAxes + below_ticks
    axes.legend(*chosen, **place, fontsize=6, frameon=False, borderaxespad=0.2, columnspacing=1.2)


def _stacked(axes: Any, series: Mapping[str, Mapping[float, float]], *, as_shares: bool) -> None:
    times = sorted({time for points in series.values() for time in points})
    heights = [[points.get(time, 0.0) for time in times] for points in series.values()]
    if as_shares:
        sums = [sum(column) or 1.0 for column in zip(*heights, strict=True)]
        heights = [[h / s for h, s in zip(row, sums, strict=True)] for row in heights]
    axes.stackplot(times, heights, labels=list(series), alpha=0.8)


def _thresholds(axes: Any, steps: list[dict[str, Any]]) -> None:
    """Those that are within what is shown."""
    low, high = axes.get_ylim()
    for step in steps:
        if step["value"] is not None and low <= step["value"] <= high:
            axes.axhline(step["value"], color=COLORS[step["color"]], linestyle="--", linewidth=0.8)
    axes.set_ylim(low, high)


def _minutes(axes: Any, series: Mapping[str, Mapping[float, float]]) -> None:
    last = max(time for points in series.values() for time in points)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda time, _: f"{(time - last) / 60:.0f} min"))
    axes.set_xticks(
        [last - 60 * back for back in range(int((last - axes.get_xlim()[0]) / 60), -1, -1)]
    )
