"""What the surface of a dial or a printed strap looks like: rays, engraving, batik."""

from watch_faces.palette import DIALS, TRIMS
from watch_faces.shapes import DIAL_RADIUS, disc, place, ticks
from watch_faces.spec import Face

# Fraction of the radius → colour of (glow, base, edge); how deep a finish lets the edge fall.
_SHADES = {
    "fume": ((0, "glow"), (0.5, "base"), (1, "edge")),
    "matte": ((0, "base"), (0.8, "base"), (1, "edge")),
    "enamel": ((0, "glow"), (0.75, "base"), (1, "edge")),
}
_USUAL_SHADES = ((0, "glow"), (0.62, "base"), (1, "edge"))

# Tile width, tile height, turn, drawing. `currentColor` is the ink that the caller sets.
_PATTERNS = {
    "clous": (
        *(5, 5, 45),
        '<path d="M0 5V0H5" stroke="#fff" stroke-opacity=".28" stroke-width="1.2"/>'
        '<path d="M5 0V5H0" stroke="#000" stroke-opacity=".4" stroke-width="1.2"/>',
    ),
    "linen": (
        *(2.4, 2.4, 0),
        '<path d="M0 .6H2.4" stroke="#fff" stroke-opacity=".22" stroke-width=".6"/>'
        '<path d="M.6 0V2.4" stroke="#000" stroke-opacity=".2" stroke-width=".6"/>',
    ),
    "brushed": (
        *(3.2, 3.2, 0),
        '<path d="M.5 0V3.2" stroke="#fff" stroke-opacity=".2" stroke-width=".7"/>'
        '<path d="M1.9 0V3.2" stroke="#000" stroke-opacity=".16" stroke-width=".9"/>',
    ),
    "waves": (
        *(16, 6, 0),
        '<path d="M0 3q4-4 8 0t8 0" stroke="#000" stroke-opacity=".42" stroke-width="1.5"/>'
        '<path d="M0 4.4q4-4 8 0t8 0" stroke="#fff" stroke-opacity=".2" stroke-width=".8"/>',
    ),
    "parang": (
        *(9, 15, 45),
        '<path d="M1 11.5C1 7 8 8 7.6 3.8C7.3 1 3.2 1 3.4 3.8M1 11.5'
        "C4.5 12.5 9.5 10 10 6M-8 11.5C-4.5 12.5 .5 10 1 6"
        'M0 .2H9M0 12.8H9" stroke="currentColor" stroke-width=".9"/>'
        '<path d="M4.5 12.7l1.6 1.2-1.6 1.2-1.6-1.2z" fill="currentColor"/>',
    ),
    "kawung": (
        *(16, 16, 0),
        '<path d="M.8 .8Q7.2 1.6 7.2 7.2Q1.6 7.2 .8 .8M15.2 .8Q14.4 7.2 8.8 7.2'
        "Q8.8 1.6 15.2 .8M.8 15.2Q1.6 8.8 7.2 8.8Q7.2 14.4 .8 15.2M15.2 15.2"
        'Q8.8 14.4 8.8 8.8Q14.4 8.8 15.2 15.2" stroke="currentColor" '
        'stroke-width=".8" fill="currentColor" fill-opacity=".3"/>'
        '<path d="M8 2.5v.01M8 13.5v.01M2.5 8h.01M13.5 8h.01" stroke="currentColor" '
        'stroke-width="1.7" stroke-linecap="round"/>',
    ),
    "truntum": (
        *(13, 13, 0),
        '<path d="M3.2 0L3.9 2.5 6.4 3.2 3.9 3.9 3.2 6.4 2.5 3.9 0 3.2 2.5 2.5z'
        "M9.7 6.5L10.4 9 12.9 9.7 10.4 10.4 9.7 12.9 9 10.4 6.5 9.7 9 9z"
        'M9.7 2.9v.6M3.2 9.4v.6" fill="currentColor" stroke="currentColor" '
        'stroke-width=".5" fill-opacity=".75" stroke-linejoin="round"/>',
    ),
    "mendung": (
        *(26, 17, 0),
        '<path d="M0 12c1-5 5-5 6-2c1-7 9-7 10 0c2-4 7-3 7 1c2-1 3 0 3 1" '
        'stroke="currentColor" stroke-width="1"/>'
        '<path d="M1.5 14.5c1-4.5 4-4 5-1c1.5-5 7.5-5 8.5 0c2-3.5 5.5-2.5 6.5 0" '
        'stroke="currentColor" stroke-width=".8" stroke-opacity=".7"/>'
        '<path d="M8.5 10c.5-3 5-3 5 .5c-.5 2-3 1.5-3 0" stroke="currentColor"/>',
    ),
}


def shade_dial(face: Face) -> str:
    """The dial's own gradient, lit from above the middle."""
    colour = DIALS[face.dial]
    stops = "".join(
        f'<stop offset="{share}" stop-color="{getattr(colour, name)}"/>'
        for share, name in _SHADES.get(face.finish, _USUAL_SHADES)
    )
    focus = "" if face.finish == "fume" else ' cy=".4"'
    return f'<radialGradient id="{face.uid}d"{focus} r=".62">{stops}</radialGradient>'


def define_pattern(name: str, pattern_id: str, ink: str) -> str:
    """A tile for `fill="url(#…)"`; the empty string if the finish is none that tiles."""
    if name not in _PATTERNS:
        return ""
    width, height, turn, drawing = _PATTERNS[name]
    return (
        f'<pattern id="{pattern_id}" width="{width}" height="{height}" '
        f'patternUnits="userSpaceOnUse" patternTransform="rotate({turn})" '
        f'color="{ink}" fill="none">{drawing}</pattern>'
    )


def batik_ink(face: Face) -> str:
    """The wax-resist lines take the metal of the hands."""
    trim = TRIMS[face.trim]
    return trim.dark if face.is_light else trim.light


def draw_finish(face: Face) -> str:
    if face.finish in _PATTERNS:
        batik = face.finish in ("parang", "kawung", "truntum", "mendung")
        opacity = "" if not batik else ' opacity=".5"'
        return disc(DIAL_RADIUS, f'fill="url(#{face.uid}p)"{opacity}') + _draw_gleam(0.05)
    if face.finish == "guilloche":
        return _draw_rosette(face)
    if face.finish == "sunburst":
        return _draw_rays(0.07) + _draw_gleam(0.11)
    return _draw_rays(0.04) + _draw_gleam(0.05) if face.finish == "fume" else ""


def _draw_rays(opacity: float) -> str:
    half = DIAL_RADIUS / 2
    return ticks(half, DIAL_RADIUS, 90, 0.4, f'stroke="#fff" stroke-opacity="{opacity}"')


def _draw_gleam(opacity: float) -> str:
    """Two opposite fans of light; overlapping slices stand in for SVG's missing conic gradient."""
    fans = ""
    for half_width in (9, 18, 27):
        fan = ""
        for middle in (-38, 142):
            start, end = place(middle - half_width, 60), place(middle + half_width, 60)
            fan += f"M0 0L{start}A60 60 0 0 1 {end}Z"
        fans += f'<path d="{fan}"/>'
    return f'<g fill="#fff" fill-opacity="{opacity}">{fans}</g>'


def _draw_rosette(face: Face) -> str:
    """Engine turning: one ring, copied by doubling so that 64 rings cost a few lines."""
    uid = face.uid
    ring = '<circle cy="-22" r="21.5"/>'
    groups, inner = "", ring
    for step, degrees in enumerate((5.625, 11.25, 22.5, 45, 90, 180)):
        name = f"{uid}r{step}"
        again = f'<use href="#{name}" transform="rotate({degrees})"/>'
        groups = f'<g><g id="{name}">{inner}</g>{again}</g>'
        inner = groups
    ink = DIALS[face.dial].print
    return f'<g fill="none" stroke="{ink}" stroke-opacity=".3" stroke-width=".35">{groups}</g>'
