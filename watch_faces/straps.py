"""Straps and bracelets, from edge to edge behind the case."""

from collections.abc import Callable

from watch_faces.finishes import define_pattern
from watch_faces.palette import STRAPS
from watch_faces.spec import Face

_OUTLINES = {
    "round": "M-33-160H33L37-60V60L33 160H-33L-37 60V-60Z",
    "octagon": "M-28-160H28L45-54V54L28 160H-28L-45 54V-54Z",
}
_BATIK_MOTIFS = {
    "sogan": ("parang", "#d9a85a"),
    "indigo": ("kawung", "#b9c8ea"),
    "maroon": ("truntum", "#e8bb7a"),
    "forest": ("mendung", "#cfe0b0"),
}


def define_strap(face: Face) -> str:
    kind, colour = face.strap.split("-")
    uid = face.uid
    if kind == "batik":
        tile = define_pattern(_BATIK_MOTIFS[colour][0], f"{uid}s", _BATIK_MOTIFS[colour][1])
    else:
        tile = _TILES[kind](f"{uid}s") if kind in _TILES else ""
    across = _fade((0, 0.5), (0.2, 0.06), (0.8, 0.06), (1, 0.5))
    along = _fade((0.5, 0.4), (0.62, 0), (0.72, 0), (1, 0.4))
    return (
        f'{tile}<linearGradient id="{uid}x">{across}</linearGradient>'
        f'<linearGradient id="{uid}y" gradientUnits="userSpaceOnUse" x2="0" y2="140" '
        f'spreadMethod="reflect">{along}</linearGradient>'
        f'<path id="{uid}o" d="{_OUTLINES["octagon" if face.shape == "octagon" else "round"]}"/>'
    )


def _fade(*stops: tuple[float, float]) -> str:
    return "".join(f'<stop offset="{at:g}" stop-opacity="{dark:g}"/>' for at, dark in stops)


def draw_strap(face: Face) -> str:
    kind, _ = face.strap.split("-")
    outline = f'<use href="#{face.uid}o"'
    tile = f'{outline} fill="url(#{face.uid}s)"/>' if kind in _TILES or kind == "batik" else ""
    detail = _DETAILS.get(kind, "")
    return (
        f'{outline} fill="{STRAPS[face.strap]}"/>{tile}{detail}'
        f'{outline} fill="url(#{face.uid}x)"/>{outline} fill="url(#{face.uid}y)"/>'
    )


def _tile(pattern_id: str, width: float, height: float, drawing: str) -> str:
    return (
        f'<pattern id="{pattern_id}" width="{width}" height="{height}" x="-50" '
        f'patternUnits="userSpaceOnUse">{drawing}</pattern>'
    )


def _define_three_links(pattern_id: str) -> str:
    links = (
        '<path d="M0 0h32v1H0zM68 0h32v1H68zM32 6.5h36v1H32zM32 0h1v13h-1zM67 0h1v13h-1z" '
        'fill-opacity=".5"/><path d="M0 1h32v3H0zM68 1h32v3H68zM33 7.5h34v3H33z" fill="#fff" '
        'fill-opacity=".65"/>'
    )
    return _tile(pattern_id, 100, 13, links)


def _define_five_links(pattern_id: str) -> str:
    links = (
        '<path d="M0 0h30v.9H0zM70 0h30v.9H70zM30 5h40v.9H30zM30 0h.8v10h-.8zM43 0h.8v10h-.8z'
        'M56.4 0h.8v10h-.8zM69.5 0h.8v10h-.8z" fill-opacity=".5"/>'
        '<path d="M0 1h30v2.5H0zM70 1h30v2.5H70zM31 6h12v2.5H31zM44 6h12v2.5H44zM58 6h11v2.5H58z"'
        ' fill="#fff" fill-opacity=".75"/>'
    )
    return _tile(pattern_id, 100, 10, links)


def _define_blocks(pattern_id: str) -> str:
    links = (
        '<path d="M0 0h100v1.4H0zM37 4h26v1H37z" fill-opacity=".5"/>'
        '<path d="M0 1.4h100v3H0zM37 5h26v9H37z" fill="#fff" fill-opacity=".6"/>'
    )
    return _tile(pattern_id, 100, 17, links)


def _define_mesh(pattern_id: str) -> str:
    wires = (
        '<path d="M0 0L3 3L0 6M6 0L3 3L6 6" fill="none" stroke="#000" stroke-opacity=".5"/>'
        '<path d="M1.5 0L4.5 3L1.5 6" fill="none" stroke="#fff" stroke-opacity=".5" '
        'stroke-width=".8"/>'
    )
    return _tile(pattern_id, 6, 6, wires)


def _define_weave(pattern_id: str) -> str:
    threads = (
        '<path d="M0 0h1.6v2.2H0zM1.6 2.2h1.6v2.2H1.6z" fill="#fff" fill-opacity=".16"/>'
        '<path d="M0 2.2h1.6v2.2H0z" fill-opacity=".18"/>'
    )
    return _tile(pattern_id, 3.2, 4.4, threads)


_TILES: dict[str, Callable[[str], str]] = {
    "three": _define_three_links,
    "five": _define_five_links,
    "block": _define_blocks,
    "mesh": _define_mesh,
    "nato": _define_weave,
}
_STITCHES = (
    '<path d="M-28.5-160L-32.5-60V60L-28.5 160M28.5-160L32.5-60V60L28.5 160" fill="none" '
    'stroke="#f2e3c6" stroke-opacity=".75" stroke-width="1" stroke-dasharray="4 2.5"/>'
)
_DETAILS = {
    "leather": _STITCHES
    + '<path d="M-14-160L-18-60V60L-14 160H14L18 60V-60L14-160Z" fill="#fff" fill-opacity=".07"/>'
    '<path d="M0 92v.01M0 112v.01" stroke="#000" stroke-opacity=".45" stroke-width="4" '
    'stroke-linecap="round"/>',
    "batik": _STITCHES,
    "rubber": (
        '<path d="M-16-160V160M0-160V160M16-160V160" stroke="#000" stroke-opacity=".4" '
        'stroke-width="5"/><path d="M-12.5-160V160M3.5-160V160M19.5-160V160" stroke="#fff" '
        'stroke-opacity=".14"/>'
    ),
    "nato": (
        '<path d="M-12-160V160M12-160V160" stroke="#fff" stroke-opacity=".3" stroke-width="6"/>'
    ),
}
