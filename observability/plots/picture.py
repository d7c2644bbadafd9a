"""One picture of a dashboard: its panels where Grafana would place them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredText
from matplotlib.ticker import FuncFormatter

from observability.plots.units import write

Panel = dict[str, Any]
COLUMNS = 24
_WIDTH_INCHES, _ROW_INCHES, _HEAD_INCHES = 16.0, 0.4, 0.6
_COLORS = {"green": "#2e7d32", "orange": "#e69f00", "red": "#c62828"}
_LABEL = "Plotted by Matplotlib from the panels' own queries; not a picture of Grafana"
# Below the plot, which they would hide.
_MOST_NAMES, _NAMES_IN_A_LINE, _NAMES_INCHES = 6, 3, 0.3
_ELSEWHERE = "only with the whole stack: MySQL, Redis' exporters, containers, VictoriaTraces"


def draw(dashboard: Mapping[str, Any], date: str, file: Path) -> None:
    matplotlib.rcParams.update({"font.size": 7.5, "axes.titlesize": 8.5, "svg.hashsalt": "arloji"})
    panels = _without_gaps(dashboard["panels"])
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    height = rows * _ROW_INCHES + _HEAD_INCHES
    figure = Figure(figsize=(_WIDTH_INCHES, height), facecolor="#f4f5f5")
    figure.text(0.008, 1 - 0.3 / height, dashboard["title"], size=14, weight="bold")
    figure.text(0.992, 1 - 0.3 / height, f"{_LABEL} · {date}", ha="right", color="#666666")
    for panel in panels:
        place = panel["gridPos"]
        top = _HEAD_INCHES + place["y"] * _ROW_INCHES
        tall = place["h"] * _ROW_INCHES
        left, wide = place["x"] / COLUMNS, place["w"] / COLUMNS
        below = 0.25 + _NAMES_INCHES * _has_names(panel)
        axes = figure.add_axes(
            (
                left + 0.036,
                1 - (top + tall - below) / height,
                wide - 0.046,
                (tall - below - 0.35) / height,
            )
        )
        axes.set_title(panel["title"], loc="left", weight="bold", pad=4)
        if panel["series"] or panel["lines"]:
            _KINDS[panel["type"]](axes, panel)
        else:
            _empty(axes)
    figure.savefig(file, dpi=100)


def _without_gaps(panels: list[Panel]) -> list[Panel]:
    """Without the headings of rows."""
    tops = sorted({panel["gridPos"]["y"] for panel in panels})
    moved: dict[int, int] = {}
    bottom = 0
    for top in tops:
        moved[top] = bottom
        bottom += max(panel["gridPos"]["h"] for panel in panels if panel["gridPos"]["y"] == top)
    return [
        {**panel, "gridPos": {**panel["gridPos"], "y": moved[panel["gridPos"]["y"]]}}
        for panel in panels
    ]


def _unit(panel: Panel) -> str:
    unit: str = panel["fieldConfig"]["defaults"]["unit"]
    return unit


def _color(panel: Panel, value: float) -> str:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    reached = [one for one in steps if one["value"] is None or value >= one["value"]]
    return _COLORS[reached[-1]["color"]]


def _bare(axes: Any) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def _empty(axes: Any) -> None:
    _bare(axes)
    axes.text(0.5, 0.5, _ELSEWHERE, ha="center", va="center", color="#888888", wrap=True)


def _stat(axes: Any, panel: Panel) -> None:
    _bare(axes)
    width = 1 / len(panel["series"])
    mapped = panel["fieldConfig"]["defaults"].get("mappings", [{"options": {}}])[0]["options"]
    for number, one in enumerate(panel["series"]):
        value = float(one["values"][-1][1])
        said = mapped.get(f"{value:g}", {"text": write(value, _unit(panel))})["text"]
        middle = (number + 0.5) * width
        axes.axvspan(number * width, (number + 1) * width, color=_color(panel, value))
        axes.text(middle, 0.55, said, ha="center", va="center", size=14, color="white")
        axes.text(middle, 0.12, one["name"], ha="center", va="center", color="white")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)


def _bars(axes: Any, panel: Panel) -> None:
    named = [(one["name"][:70], float(one["values"][-1][1])) for one in panel["series"]]
    named.reverse()
    values = [value for _, value in named]
    axes.barh(range(len(named)), values, color=[_color(panel, value) for value in values])
    axes.set_xlim(0, max(values) * 1.15 or 1)
    for number, (name, value) in enumerate(named):
        axes.text(0, number, f"  {name}: {write(value, _unit(panel))}", va="center", size=7)
    _bare(axes)


def _lines(axes: Any, panel: Panel) -> None:
    shown = panel["fieldConfig"]["defaults"]
    series = {
        one["name"] or panel["title"]: {float(t): float(v) for t, v in one["values"]}
        for one in panel["series"]
    }
    mode = shown["custom"]["stacking"]["mode"]
    if mode == "none":
        for name, points in series.items():
            axes.plot(list(points), list(points.values()), label=name, linewidth=1.1)
    else:
        _stacked(axes, series, as_shares=mode == "percent")
    if "max" in shown and mode == "none":
        axes.set_ylim(top=max(shown["max"], axes.get_ylim()[1]))
    if "min" in shown:
        axes.set_ylim(bottom=shown["min"])
    unit = "percentunit" if mode == "percent" else _unit(panel)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value, unit)))
    axes.grid(color="#dddddd", linewidth=0.5)
    _thresholds(axes, shown["thresholds"]["steps"])
    _minutes(axes, series)
    if _has_names(panel):
        _name(axes)


def _has_names(panel: Panel) -> bool:
    return panel["type"] == "timeseries" and len(panel["series"]) > 1


def _name(axes: Any) -> None:
    handles, names = axes.get_legend_handles_labels()
    chosen = handles[:_MOST_NAMES], [name[:34] for name in names[:_MOST_NAMES]]
    place = {"loc": "upper left", "bbox_to_anchor": (-0.02, -0.1), "ncols": _NAMES_IN_A_LINE}
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
            axes.axhline(step["value"], color=_COLORS[step["color"]], linestyle="--", linewidth=0.8)
    axes.set_ylim(low, high)


def _minutes(axes: Any, series: Mapping[str, Mapping[float, float]]) -> None:
    last = max(time for points in series.values() for time in points)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda time, _: f"{(time - last) / 60:.0f} min"))
    axes.set_xticks(
        [last - 60 * back for back in range(int((last - axes.get_xlim()[0]) / 60), -1, -1)]
    )


def _text(axes: Any, panel: Panel) -> None:
    _bare(axes)
    cut = [line[:200] for line in panel["lines"][-14:]]
    font = {"family": "monospace", "size": 6.5}
    axes.add_artist(AnchoredText("\n".join(cut), loc="upper left", frameon=False, prop=font))


_KINDS: Mapping[str, Callable[[Any, Panel], None]] = {
    "stat": _stat,
    "bargauge": _bars,
    "timeseries": _lines,
    "logs": _text,
}
