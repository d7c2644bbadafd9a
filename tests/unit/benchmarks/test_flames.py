"""The flame graph is as wide as what was seen, and a stack belongs to the innermost layer."""

from collections import Counter
from xml.etree import ElementTree

import pytest

from benchmarks.flames import draw, layer_of

RUNNER = "asyncio.runners:Runner.run"
HANDLER, RENDER = "services.frontend.pages:render", "jinja2.<environment>:root"


def test_boxes_are_as_wide_as_their_share_of_the_cost() -> None:
    seen = {"frontend": Counter({(RUNNER, HANDLER, RENDER): 3, (RUNNER, HANDLER): 1})}
    drawing = ElementTree.fromstring(draw("GET /", {"frontend": 2.0}, seen))
    widths = {}
    for box in drawing.iter("{http://www.w3.org/2000/svg}g"):
        title, rectangle, *_ = box
        widths[title.text] = float(rectangle.attrib["width"])
    whole = widths["GET /: 2.000 ms"]
    assert widths[f"{HANDLER}: 2.000 ms"] == whole
    assert widths[f"{RENDER}: 1.500 ms"] == pytest.approx(whole * 3 / 4, abs=0.5)
    assert all(RUNNER not in str(title) for title in widths), "how it was started is left out"


@pytest.mark.parametrize(
    ("stack", "layer"),
    [
        ((HANDLER, RENDER), "pages"),
        ((HANDLER, "servicekit.telemetry.light_spans:LightSpan.end", "json:dumps"), "telemetry"),
        (("__main__:<module>", "asyncio.events:Handle._run"), "event loop and the rest"),
    ],
)
def test_a_stack_belongs_to_its_innermost_layer(stack: tuple[str, ...], layer: str) -> None:
    assert layer_of(stack) == layer
