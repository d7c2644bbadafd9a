"""The geometry that all parts of a drawn watch share.

The drawing's origin is the middle of the dial, which keeps every part of it short.
"""

from math import cos, radians, sin

# Every dial is drawn with this radius and then scaled to the opening that its bezel leaves.
DIAL_RADIUS = 60


def number(value: float) -> str:
    """The shortest text with at most one decimal."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text.replace("0.", ".", 1) if abs(value) < 1 else text


def place(degrees: float, radius: float) -> str:
    """Clockwise from twelve o'clock, as on a dial."""
    x, y = (number(value) for value in point(degrees, radius))
    return x + y if y.startswith("-") else f"{x} {y}"


def point(degrees: float, radius: float) -> tuple[float, float]:
    angle = radians(degrees)
    return radius * sin(angle), -radius * cos(angle)


def turned(degrees: float) -> str:
    return f'transform="rotate({number(degrees)})"'


def disc(radius: float, attributes: str) -> str:
    return f'<circle r="{number(radius)}" {attributes}/>'


def ring(radius: float, width: float, attributes: str) -> str:
    return disc(radius, f'fill="none" stroke-width="{number(width)}" {attributes}')


def ticks(radius: float, width: float, count: int, share: float, attributes: str) -> str:
    """`count` radial strokes, the first centred on twelve; `share` is the drawn part of each step.

    One dashed circle stands for all of them, which keeps the drawing small.
    """
    # A dashed circle begins at three o'clock; half a stroke further back centres the first one.
    dash = f'pathLength="{count}" stroke-dasharray="{share:.2f} {1 - share:.2f}"'
    start = turned(-90 - share * 180 / count)
    return ring(radius, width, f"{dash} {start} {attributes}")
