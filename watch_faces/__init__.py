"""Draws each watch as an SVG from the instructions in its catalogue row."""

import hashlib
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path

from watch_faces.bezels import draw_bezel, find_dial_scale
from watch_faces.cases import define_metal, draw_case
from watch_faces.codes import read_code, write_code
from watch_faces.finishes import batik_ink, define_pattern, draw_finish, shade_dial
from watch_faces.hands import draw_hands
from watch_faces.markers import draw_markers
from watch_faces.shapes import DIAL_RADIUS, disc, ring
from watch_faces.spec import Face, read_face
from watch_faces.straps import define_strap, draw_strap
from watch_faces.subdials import draw_subdials

__all__ = [
    "draw_coded_image",
    "draw_face",
    "draw_image",
    "draw_moving_hands",
    "drawing_version",
    "write_code",
]

Time = tuple[int, int, int]

_USUAL_TIME: Time = (10, 8, 36)
_SANS = "'Helvetica Neue',Arial,sans-serif"
_GLASS = (
    '<path d="M-52-12A54 54 0 0 1 18-52Q-16-38-38 12Q-50 2-52-12Z" fill="#fff" fill-opacity=".1"/>'
)
_INLINE = 'class="watch-face" aria-hidden="true" focusable="false" '


@lru_cache(maxsize=64)
def draw_face(spec: str, *, time: Time = _USUAL_TIME) -> str:
    """An `<svg>` element for the page, drawn with presentation attributes only (strict CSP).

    Never raises: what is unknown or damaged in `spec` is drawn as the default.
    The groups `hour-hand`, `minute-hand` and `second-hand` turn by
    `transform="rotate(degrees 100 130)"`, subdials included. Ids derive from `spec`,
    so different watches can share a page.
    """
    face = read_face(spec)
    return _draw(face, _INLINE, _draw_watch(face) + _in_dial(face, _draw_top(face, time)))


def draw_image(spec: str, *, hands: bool = True) -> bytes:
    """The same as a file of its own, without hands for one that `draw_moving_hands` lies on."""
    # Nothing else has ids there: the shorter the better.
    return _draw_image(replace(read_face(spec), uid=""), hands)


def draw_coded_image(code: str, *, hands: bool = True) -> bytes:
    """What `draw_image` draws of the instructions that `write_code` made the code of."""
    return _draw_image(read_code(code), hands)


def _draw_image(face: Face, hands: bool) -> bytes:
    top = _in_dial(face, _draw_top(face, _USUAL_TIME)) if hands else ""
    return _draw(face, "", _draw_watch(face) + top).encode()


@lru_cache(maxsize=64)
def draw_moving_hands(spec: str) -> str:
    """An `<svg>` element to lie on the image that has none; its groups are those of `draw_face`."""
    face = read_face(spec)
    return _draw(face, _INLINE, _in_dial(face, _draw_top(face, _USUAL_TIME)))


@cache
def drawing_version() -> str:
    """Changes whenever the same instructions may be drawn in another way."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def _draw(face: Face, attributes: str, content: str) -> str:
    size = 0.86 + (face.mm - 34) * 0.016
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}viewBox="0 0 200 260" '
        f'text-anchor="middle" font-family="{_SANS}">'
        f'<g transform="translate(100 130) scale({size:.3f})">{content}</g></svg>'
    )


def _draw_watch(face: Face) -> str:
    """All but what is above the dial."""
    pattern = define_pattern(face.finish, f"{face.uid}p", batik_ink(face))
    defs = define_metal(face) + shade_dial(face) + pattern + define_strap(face)
    dial = _in_dial(face, _draw_dial(face))
    return f"<defs>{defs}</defs>{draw_strap(face)}{draw_case(face)}{draw_bezel(face)}{dial}"


def _in_dial(face: Face, drawing: str) -> str:
    return f'<g transform="scale({find_dial_scale(face):.3f})">{drawing}</g>'


def _draw_top(face: Face, time: Time) -> str:
    return draw_hands(face, time) + _GLASS


def _draw_dial(face: Face) -> str:
    shade = ring(DIAL_RADIUS - 1.5, 3, 'stroke="#000" stroke-opacity=".16"')
    return (
        disc(DIAL_RADIUS, f'fill="url(#{face.uid}d)"')
        + draw_finish(face)
        + shade
        + draw_markers(face)
        + draw_subdials(face)
    )
