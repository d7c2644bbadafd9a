"""`python -m benchmarks.pressure.plot <figures.json> <picture> [words]`: what was offered, admitted
and refused in each second of each scenario, and how long it took. Matplotlib only."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

_COLUMNS = 4
_WIDTH_INCHES, _HEIGHT_INCHES = 3.4, 3.2
_RATES = {
    "offered": ("#777777", "--"),
    "admitted": ("#1565c0", "-"),
    "shed": ("#e69f00", "-"),
    "without a good answer": ("#c62828", "-"),
}
_LATENCIES = {
    "p50": ("admitted, p50", "#90caf9"),
    "p99": ("admitted, p99", "#1565c0"),
    "refused_p99": ("refused, p99", "#e69f00"),
}
_BAD = ("failed", "broken", "left", "unsent")


def draw(run: Mapping[str, Any], file: Path, words: Sequence[str] = ()) -> None:
    matplotlib.rcParams.update(
        {"font.size": 7, "axes.titlesize": 8, "svg.hashsalt": "arloji", "svg.fonttype": "none"}
    )
    phases = [
        phase
        for phase in run["phases"]
        if not words or any(word in phase["scenario"] for word in words)
    ]
    columns = min(_COLUMNS, len(phases))
    rows = -(-len(phases) // columns)
    size = (columns * _WIDTH_INCHES, rows * _HEIGHT_INCHES + 0.5)
    figure = Figure(figsize=size, facecolor="white", layout="constrained")
    figure.suptitle(
        f"Capacity {run['capacity']:.0f} good answers/s; {run['about']['shop']}, "
        f"{run['about']['date']}, {run['about']['machine']}",
        fontsize=8,
    )
    grid = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[3, 2] * rows)
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        pair = grid[2 * row][column], grid[2 * row + 1][column]
        if number < len(phases):
            _phase(pair, phases[number], has_legend=number == 0)
        else:
            for axes in pair:
                axes.set_axis_off()
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None, dpi=110)


def _phase(pair: tuple[Any, Any], phase: Mapping[str, Any], *, has_legend: bool) -> None:
    # The last second is not whole.
    seconds = [one for one in phase["seconds"] if one["group"] == "all"][:-1]
    pair[0].set_title(phase["scenario"], loc="left", weight="bold")
    _rates(pair[0], seconds, phase["capacity"])
    _latencies(pair[1], seconds)
    for axes, unit in zip(pair, ("requests/s", ""), strict=True):
        axes.axvspan(phase["begins"], phase["ends"], color="#ff7043", alpha=0.12, linewidth=0)
        axes.grid(color="#eeeeee", linewidth=0.5)
        axes.margins(x=0)
        if has_legend:
            axes.set_ylabel(unit)
            axes.legend(fontsize=6, loc="upper right", framealpha=0.7)


def _rates(axes: Any, seconds: Sequence[Mapping[str, Any]], capacity: float | None) -> None:
    lines = {
        "offered": [one["offered"] for one in seconds],
        "admitted": [one.get("admitted", 0) for one in seconds],
        "shed": [one.get("shed", 0) for one in seconds],
        "without a good answer": [sum(one.get(bad, 0) for bad in _BAD) for one in seconds],
    }
    for name, values in lines.items():
        colour, style = _RATES[name]
        times = [one["second"] for one in seconds]
        axes.plot(times, values, style, color=colour, label=name, linewidth=1.2)
    if capacity is not None:
        axes.axhline(capacity, color="#2e7d32", linewidth=0.8, linestyle=":", label="capacity")
    axes.set_ylim(bottom=0)
    axes.tick_params(labelbottom=False)


def _latencies(axes: Any, seconds: Sequence[Mapping[str, Any]]) -> None:
    for name, (label, colour) in _LATENCIES.items():
        # Nothing where there was none: a line over the gap would tell of some.
        values = [math.nan if one[name] is None else one[name] for one in seconds]
        times = [one["second"] for one in seconds]
        axes.plot(times, values, color=colour, label=label, linewidth=1.2)
    axes.set_yscale("log")
    axes.set_ylim(0.001, 12)
    axes.axhline(1, color="#2e7d32", linewidth=0.8, linestyle=":")
    axes.set_yticks([0.001, 0.01, 0.1, 1, 10], ["1 ms", "10 ms", "0.1 s", "1 s", "10 s"])


if __name__ == "__main__":
    source, target, *chosen = sys.argv[1:]
    draw(json.loads(Path(source).read_text(encoding="utf-8")), Path(target), chosen)
