"""Draws each watch as an inline SVG from the instructions in its catalogue row."""

from functools import lru_cache

from watch_faces.bezels import draw_bezel, find_dial_scale
from watch_faces.cases import define_metal, draw_case
from watch_faces.finishes import batik_ink, define_pattern, draw_finish, shade_dial
from watch_faces.hands import draw_hands
from watch_faces.markers import draw_markers
from watch_faces.shapes import DIAL_RADIUS, disc, ring
from watch_faces.spec import Face, read_face
from watch_faces.straps import define_strap, draw_strap
from watch_faces.subdials import draw_subdials

__all__ = ["draw_face"]

_SANS = "'Helvetica Neue',Arial,sans-serif"
_GLASS = (
    '<path d="M-52-12A54 54 0 0 1 18-52Q-16-38-38 12Q-50 2-52-12Z" fill="#fff" fill-opacity=".1"/>'
)


@lru_cache(maxsize=1024)
def draw_face(spec: str, *, time: tuple[int, int, int] = (10, 8, 36)) -> str:
    """An `<svg>` element for the page, drawn with presentation attributes only (strict CSP).

    Never raises: what is unknown or damaged in `spec` is drawn as the default.
    The groups `hour-hand`, `minute-hand` and `second-hand` turn by
    `transform="rotate(degrees 100 130)"`, subdials included. Ids derive from `spec`,
    so different watches can share a page.
    """
    face = read_face(spec)
    pattern = define_pattern(face.finish, f"{face.uid}p", batik_ink(face))
    defs = define_metal(face) + shade_dial(face) + pattern + define_strap(face)
    size = 0.86 + (face.mm - 34) * 0.016
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="watch-face" viewBox="0 0 200 260" '
        f'aria-hidden="true" focusable="false" text-anchor="middle" '
        f'font-family="{_SANS}"><defs>{defs}</defs>'
        f'<g transform="translate(100 130) scale({size:.3f})">'
        f"{draw_strap(face)}{draw_case(face)}{draw_bezel(face)}"
        f'<g transform="scale({find_dial_scale(face):.3f})">'
        f"{_draw_dial(face)}{draw_hands(face, time)}{_GLASS}</g>"
        "</g></svg>"
    )


def _draw_dial(face: Face) -> str:
    shade = ring(DIAL_RADIUS - 1.5, 3, 'stroke="#000" stroke-opacity=".16"')
    return (
        disc(DIAL_RADIUS, f'fill="url(#{face.uid}d)"')
        + draw_finish(face)
        + shade
        + draw_markers(face)
        + draw_subdials(face)
    )
