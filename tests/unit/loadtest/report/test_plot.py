"""The picture of a load run shows each percentile of each group at each offered rate."""

from xml.etree import ElementTree

from loadtest.figures import Figures
from loadtest.objectives import judge
from loadtest.report.plot import draw
from tests.unit.loadtest.made_figures import PLAN, add, healthy

SVG = "{http://www.w3.org/2000/svg}"
ABOUT = {"target": "http://shop<&>:8080", "date": "2026-03-01", "machine": "Test"}


def plotted(figures: Figures) -> ElementTree.Element:
    return ElementTree.fromstring(draw(judge(PLAN, figures), figures, ABOUT))


def texts(picture: ElementTree.Element) -> str:
    return "\n".join(element.text or "" for element in picture.iter(f"{SVG}text"))


def curves(picture: ElementTree.Element) -> list[list[tuple[float, float]]]:
    return [
        [(float(x), float(y)) for x, y in (point.split(",") for point in points.split())]
        for points in (one.attrib["points"] for one in picture.iter(f"{SVG}polyline"))
    ]


def test_every_percentile_of_every_group_is_a_curve_through_each_step() -> None:
    slow = plotted(add(healthy(), 1000, step=2, name="cart page", milliseconds=1500))
    width, height = map(float, slow.attrib["viewBox"].split()[2:])
    assert [len(curve) for curve in curves(slow)] == [len(PLAN.rates)] * 3 * 4
    for curve in curves(slow):
        assert all(0 < x < width and 0 < y < height for x, y in curve)
        assert [x for x, _ in curve] == sorted(x for x, _ in curve)
    (_, one), (_, two), (_, three) = curves(slow)[2]
    assert two < one == three, "the p99 of the slow step is not drawn higher"


def test_the_plot_says_what_it_shows() -> None:
    written = texts(plotted(healthy()))
    for text in (
        *("Latency from the planned start, over the offered rate", "http://shop<&>:8080"),
        *("p50", "p95", "p99", "500 ms", "250 ms", "5000 ms", "offered requests/s", "429"),
    ):
        assert text in written
    assert "INVALID RUN" not in written


def test_a_run_without_any_answer_can_be_plotted() -> None:
    figures = Figures()
    figures.tally(1, "product").planned = 5
    assert "INVALID RUN" in texts(plotted(figures))
