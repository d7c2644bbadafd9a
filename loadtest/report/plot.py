"""The picture of a load run, as SVG: latency over offered rate for each group of requests, and
beneath it what was not answered."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from loadtest.figures import Figures, Outcome, Tally
from loadtest.objectives import P99_SECONDS, StepVerdict, Verdict, groups_of, requests_of

_WIDTH, _HEIGHT = 960, 900
_TITLES = {
    "pages": "Pages",
    "reads": "Reads by programs",
    "orders": "Orders (until 202 or the status page)",
    "completions": "Order seen confirmed or rejected",
}
# Told apart by people who see few colours, and by their dashes by those who see none.
_LINES = {50: ("#0072b2", "none"), 95: ("#e69f00", "6 3"), 99: ("#d55e00", "2 3")}
_SHARES: dict[str, str] = {
    Outcome.CLIENT: "#cc79a7",
    Outcome.SERVER: "#d55e00",
    Outcome.CONNECTION: "#000000",
    Outcome.TIMEOUT: "#7f3b08",
    Outcome.WRONG: "#0072b2",
    Outcome.LIMITED: "#e69f00",
    "missed start": "#999999",
}
_STYLE = (
    "text{font:12px sans-serif;fill:#222}.title{font-size:17px;font-weight:bold}"
    ".head{font-size:13px;font-weight:bold}.quiet{fill:#666}.end{text-anchor:end}"
    ".middle{text-anchor:middle}.grid{stroke:#ddd}.frame{fill:none;stroke:#666}"
    ".objective{stroke:#c00;stroke-width:1.5}"
)


@dataclass(frozen=True)
class _Panel:
    left: float
    top: float
    width: float
    height: float
    highest_rate: float
    lowest: float
    highest: float

    def x(self, rate: float) -> float:
        return self.left + self.width * rate / self.highest_rate

    def y(self, milliseconds: float) -> float:
        """On a logarithmic scale."""
        span = math.log(self.highest / self.lowest)
        value = min(max(milliseconds, self.lowest), self.highest)
        return self.top + self.height * (1 - math.log(value / self.lowest) / span)


def draw(verdict: Verdict, figures: Figures, about: dict[str, str]) -> str:
    """A whole SVG document."""
    body = [
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        _text(30, 32, "Latency from the planned start, over the offered rate", "title"),
        _text(30, 52, f"{about.get('target', '')} · {about.get('date', '')}", "quiet"),
        _text(30, 68, about.get("machine", ""), "quiet"),
        *_legend(),
    ]
    if not verdict.valid:
        body.append(_text(_WIDTH - 30, 32, "INVALID RUN", "title end"))
    for number, group in enumerate(P99_SECONDS):
        left, top = 80 + 460 * (number % 2), 130 + 270 * (number // 2)
        body += _latency_panel(left, top, group, verdict.steps, figures)
    body += _share_panel(80, 690, verdict.steps, figures)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" role="img"><title>Load run</title>'
        f"<style>{_STYLE}</style>\n" + "\n".join(body) + "\n</svg>\n"
    )


def _legend() -> Iterator[str]:
    left = 30.0
    for percent, (colour, dashes) in _LINES.items():
        yield _line(left, 90, left + 28, 90, stroke=colour, dashes=dashes, width=2.5)
        yield _text(left + 34, 94, f"p{percent}")
        left += 80
    yield f'<line class="objective" x1="{left}" y1="90" x2="{left + 28}" y2="90"/>'
    yield _text(left + 34, 94, "objective for p99")
    yield _text(left + 170, 94, "hollow points: a step that is invalid", "quiet")


def _latency_panel(
    left: float, top: float, group: str, steps: Sequence[StepVerdict], figures: Figures
) -> Iterator[str]:
    tallies = [groups_of(figures.of_step(one.step.number))[group] for one in steps]
    objective = P99_SECONDS[group] * 1000
    times = [objective]
    for tally in tallies:
        times += [value for percent in _LINES if (value := tally.milliseconds(percent))]
    panel = _Panel(
        *(left, top, 380, 190, _highest_rate(steps)),
        lowest=10 ** math.floor(math.log10(min(times))),
        highest=10 ** math.ceil(math.log10(max(times) * 1.01)),
    )
    yield _text(left, top - 10, _TITLES[group], "head")
    yield from _latency_grid(panel)
    y = panel.y(objective)
    yield f'<line class="objective" x1="{left}" y1="{y:.1f}" x2="{left + 380}" y2="{y:.1f}"/>'
    yield _text(left + 4, y - 4, f"{objective:.0f} ms")
    for percent, (colour, dashes) in _LINES.items():
        points = [
            (panel.x(one.step.rate), panel.y(value), bool(one.faults))
            for one, tally in zip(steps, tallies, strict=True)
            if (value := tally.milliseconds(percent)) is not None
        ]
        yield from _curve(points, colour, dashes)


def _latency_grid(panel: _Panel) -> Iterator[str]:
    value = panel.lowest
    while value <= panel.highest * 1.001:
        y = panel.y(value)
        yield f'<line class="grid" x1="{panel.left}" y1="{y:.1f}" '
        yield f'x2="{panel.left + panel.width}" y2="{y:.1f}"/>'
        yield _text(panel.left - 6, y + 4, f"{value:g} ms", "end")
        value *= 10
    yield from _rate_axis(panel)


def _rate_axis(panel: _Panel) -> Iterator[str]:
    bottom = panel.top + panel.height
    yield f'<rect class="frame" x="{panel.left}" y="{panel.top}" '
    yield f'width="{panel.width}" height="{panel.height}"/>'
    for tick in _ticks(panel.highest_rate):
        yield _text(panel.x(tick), bottom + 16, f"{tick:g}", "middle")
    yield _text(panel.left + panel.width, bottom + 32, "offered requests/s", "end quiet")


def _curve(points: Sequence[tuple[float, float, bool]], colour: str, dashes: str) -> Iterator[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    yield (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
        f'stroke-dasharray="{dashes}"/>'
    )
    for x, y, hollow in points:
        fill = "#fff" if hollow else colour
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{fill}" stroke="{colour}"/>'


def _share_panel(
    left: float, top: float, steps: Sequence[StepVerdict], figures: Figures
) -> Iterator[str]:
    """Bars of what was not answered, in percent of what was planned."""
    shares = [_shares(figures.of_step(one.step.number)) for one in steps]
    highest = max([1.0, *(sum(one.values()) for one in shares)])
    panel = _Panel(left, top, 840, 130, _highest_rate(steps), 1, 10)
    yield _text(left, top - 10, "Not answered as it should be, in percent of the plan", "head")
    yield _text(left - 6, top + 10, f"{highest:.3g} %", "end")
    yield _text(left - 6, top + 130, "0 %", "end")
    yield from _rate_axis(panel)
    for one, share in zip(steps, shares, strict=True):
        y = top + 130.0
        for name, percent in share.items():
            height = 130 * percent / highest
            y -= height
            yield f'<rect x="{panel.x(one.step.rate) - 9:.1f}" y="{y:.1f}" width="18" '
            yield f'height="{height:.1f}" fill="{_SHARES[name]}"/>'
    for number, name in enumerate(_SHARES):
        x = left + 120 * number
        yield f'<rect x="{x}" y="{top + 168}" width="12" height="12" fill="{_SHARES[name]}"/>'
        yield _text(x + 17, top + 178, name)


def _shares(tallies: dict[str, Tally]) -> dict[str, float]:
    requests, everything = requests_of(tallies), Tally.merged(tallies.values())
    counts = {name: everything.outcomes[name] for name in _SHARES}
    counts["missed start"] = requests.missed
    return {name: 100 * count / max(requests.planned, 1) for name, count in counts.items() if count}


def _highest_rate(steps: Sequence[StepVerdict]) -> float:
    return max(one.step.rate for one in steps) * 1.05


def _ticks(highest: float) -> list[float]:
    """Round numbers, five to ten of them."""
    size = 10 ** math.floor(math.log10(highest))
    gap = next(gap for gap in (size / 5, size / 2, size, size * 2) if highest / gap <= 10)
    return [gap * number for number in range(int(highest / gap) + 1)]


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(text)}</text>'


def _line(
    x1: float, y1: float, x2: float, y2: float, *, stroke: str, dashes: str, width: float
) -> str:
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{stroke}" '
        f'stroke-dasharray="{dashes}" stroke-width="{width}"/>'
    )
