"""One picture of a dashboard: its panels where Grafana would place them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredText

from observability.plots.lines import COLORS, Panel, draw_lines, has_names, unit_of
from observability.plots.units import write

COLUMNS = 24
_WIDTH_INCHES, _ROW_INCHES, _HEAD_INCHES = 16.0, 0.4, 0.6
_LABEL = "Plotted by Matplotlib from the panels' own queries; not a picture of Grafana"
# Of what is below a plot.
_NAMES_INCHES = 0.3
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
        below = 0.25 + _NAMES_INCHES * has_names(panel)
        axes = figure.add_axes(
            (
                left + 0.042,
                1 - (top + tall - below) / height,
                wide - 0.052,
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


def _color(panel: Panel, value: float) -> str:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    reached = [one for one in steps if one["value"] is None or value >= one["value"]]
    return COLORS[reached[-1]["color"]]


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
    room = 72 * _WIDTH_INCHES * (panel["gridPos"]["w"] / COLUMNS - 0.052) * width
    mapped = panel["fieldConfig"]["defaults"].get("mappings", [{"options": {}}])[0]["options"]
    for number, one in enumerate(panel["series"]):
        value = float(one["values"][-1][1])
        said = mapped.get(f"{value:g}", {"text": write(value, unit_of(panel))})["text"]
        middle = (number + 0.5) * width
        axes.axvspan(number * width, (number + 1) * width, color=_color(panel, value))
        size = min(14, 1.5 * room / len(said))
        axes.text(middle, 0.55, said, ha="center", va="center", size=size, color="white")
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
        said = f"  {name or 'none'}: {write(value, unit_of(panel))}"
        axes.text(0, number, said, va="center", size=7)
    _bare(axes)


def _text(axes: Any, panel: Panel) -> None:
    _bare(axes)
    cut = [line[:200] for line in panel["lines"][-14:]]
    font = {"family": "monospace", "size": 6.5}
    axes.add_artist(AnchoredText("\n".join(cut), loc="upper left", frameon=False, prop=font))


_KINDS: Mapping[str, Callable[[Any, Panel], None]] = {
    "stat": _stat,
    "bargauge": _bars,
    "timeseries": draw_lines,
    "logs": _text,
}
