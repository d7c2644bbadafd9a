"""The picture of a load run shows each percentile of each group at each offered rate."""

import re
from xml.etree import ElementTree

from loadtest.figures import Figures
from loadtest.objectives import judge
from loadtest.report.plot import draw
from tests.unit.loadtest.made_figures import PLAN, add, healthy

SVG = "{http://www.w3.org/2000/svg}"
ABOUT = {"target": "http://shop<&>:8080", "date": "2026-03-01", "machine": "Test"}
SAYS = (
    *("Latency from the planned start, over the offered rate", "http://shop<&>:8080", "p50", "p95"),
    *("p99", "500 ms", "250 ms", "5000 ms", "offered requests/s", "429"),
)


def plotted(figures: Figures) -> tuple[ElementTree.Element, str]:
    """And all that is written in it."""
    picture = ElementTree.fromstring(draw(judge(PLAN, figures), figures, ABOUT))
    return picture, "\n".join(element.text or "" for element in picture.iter(f"{SVG}text"))


def test_every_percentile_of_every_group_is_a_curve_through_each_step() -> None:
    slow, written = plotted(add(healthy(), 1000, step=2, name="cart page", milliseconds=1500))
    assert [text for text in SAYS if text not in written] == []
    assert "INVALID RUN" not in written
    width, height = map(float, slow.attrib["viewBox"].split()[2:])
    curves = [
        [(float(x), float(y)) for x, y in re.findall(r"(\S+),(\S+)", one.attrib["points"])]
        for one in slow.iter(f"{SVG}polyline")
    ]
    assert [len(curve) for curve in curves] == [len(PLAN.rates)] * 3 * 4
    for curve in curves:
        assert all(0 < x < width and 0 < y < height for x, y in curve)
        assert [x for x, _ in curve] == sorted(x for x, _ in curve)
    (_, one), (_, two), (_, three) = curves[2]
    assert two < one == three, "the p99 of the slow step is not drawn higher"


def test_a_run_without_any_answer_can_be_plotted() -> None:
    figures = Figures()
    figures.tally(1, "product").planned = 5
    assert "INVALID RUN" in plotted(figures)[1]
