"""Hour, minute and second hands; each in a group that a page script may turn."""

from collections.abc import Callable

from watch_faces.palette import ACCENTS, LUMES, TRIMS
from watch_faces.shapes import number
from watch_faces.spec import Face

# Hands, unlike the rest, are drawn around the middle of the finished picture: that is the point
# around which a page script turns them.
_CENTRE_X, _CENTRE_Y = 100, 130
_HOUR_LENGTH, _MINUTE_LENGTH, _SECOND_LENGTH = 34.0, 51.0, 54.0
# (half width, height above the centre) from the tip to the tail.
Profile = list[tuple[float, float]]


def _baton(length: float, width: float) -> Profile:
    return [(width * 0.7, length), (width * 0.7, -8)]


def _dauphine(length: float, width: float) -> Profile:
    return [(0, length), (width * 1.25, 2), (0, -9)]


def _sword(length: float, width: float) -> Profile:
    return [(0, length), (width * 1.15, length * 0.78), (width * 0.55, 4), (width * 0.55, -8)]


def _leaf(length: float, width: float) -> Profile:
    bulge = [(0.0, 1.0), (0.45, 0.85), (0.85, 0.65), (1.0, 0.48), (0.8, 0.28), (0.4, 0.1)]
    return [(width * share, length * height) for share, height in bulge] + [(width * 0.4, -9)]


def _pencil(length: float, width: float) -> Profile:
    return [(0, length), (width * 0.9, length - width * 2), (width * 0.9, -7)]


def _syringe(length: float, width: float) -> Profile:
    waist = length * 0.72
    return [(0.4, length), (0.5, waist), (width, waist - 1), (width, 9), (0.6, 7), (0.6, -8)]


def _pomme(length: float, width: float) -> Profile:
    return [(0, length), (width * 0.45, length * 0.72), (0.6, length * 0.7), (0.9, -10)]


def _alpha(length: float, width: float) -> Profile:
    return [(0, length), (width * 1.1, 9), (width * 0.4, 6), (width * 0.4, -8)]


_PROFILES: dict[str, Callable[[float, float], Profile]] = {
    "baton": _baton,
    "dauphine": _dauphine,
    "sword": _sword,
    "leaf": _leaf,
    "pencil": _pencil,
    "syringe": _syringe,
    "pomme": _pomme,
    "alpha": _alpha,
}
# Where the luminous strip of a style begins and ends, as shares of the hand's length.
_LUME_STRIPS = {
    "baton": (0.42, 0.94),
    "sword": (0.3, 0.84),
    "pencil": (0.34, 0.88),
    "syringe": (0.3, 0.7),
    "alpha": (0.32, 0.72),
}


def draw_hands(face: Face, time: tuple[int, int, int]) -> str:
    hours, minutes, seconds = time
    minute_degrees = (minutes * 6 + seconds / 10) % 360
    hour_degrees = (hours * 30 + minutes / 2 + seconds / 120) % 360
    gmt = _draw_gmt_hand(face, hour_degrees / 2 + 45) if face.sub == "gmt" else ""
    hour = _draw_hand(face, "hour-hand", hour_degrees, _HOUR_LENGTH, 3.4)
    minute = _draw_hand(face, "minute-hand", minute_degrees, _MINUTE_LENGTH, 2.7)
    second = _draw_seconds(face, seconds * 6 % 360)
    return f'<g transform="translate(-{_CENTRE_X} -{_CENTRE_Y})">{gmt}{hour}{minute}{second}</g>'


def _draw_hand(face: Face, name: str, degrees: float, length: float, width: float) -> str:
    profile = _PROFILES[face.hands](length, width)
    trim = TRIMS[face.trim]
    outline = f'stroke="{trim.line}" stroke-width=".3"'
    parts = [
        f'<path d="{_half(profile, -1)}" fill="{trim.light}"/>',
        f'<path d="{_half(profile, 1)}" fill="{trim.dark}"/>',
    ]
    if face.hands == "pomme":
        y = number(_CENTRE_Y - length * 0.7)
        eye = f'<circle cx="100" cy="{y}" r="{number(width * 0.8)}" fill="none" '
        parts.append(f'{eye}stroke="{trim.dark}" stroke-width="1.2"/>')
    strip = _LUME_STRIPS.get(face.hands)
    if strip and face.lume != "none":
        start, end = (number(_CENTRE_Y - length * share) for share in strip)
        parts.append(
            f'<path d="M100 {start}V{end}" stroke="{LUMES[face.lume]}" '
            f'stroke-width="{number(width * 0.75)}"/>'
        )
    return f'<g class="{name}" {_turned(degrees)} {outline}>{"".join(parts)}</g>'


def _turned(degrees: float) -> str:
    return f'transform="rotate({number(degrees)} {_CENTRE_X} {_CENTRE_Y})"'


def _half(profile: Profile, side: int) -> str:
    """One side of a hand, closed along the middle, so that the two sides catch light apart."""
    (first_width, top), bottom = profile[0], profile[-1][1]
    corners = [
        f"{number(_CENTRE_X + side * width)} {number(_CENTRE_Y - height)}"
        for width, height in (profile if first_width else profile[1:])
        if width
    ]
    return f"M100 {number(_CENTRE_Y - top)}L{'L'.join(corners)}L100 {number(_CENTRE_Y - bottom)}Z"


def _draw_gmt_hand(face: Face, degrees: float) -> str:
    colour = ACCENTS[face.accent] or TRIMS[face.trim].light
    return (
        f'<g class="gmt-hand" {_turned(degrees)} fill="{colour}">'
        '<path d="M99.3 138V88H96L100 79L104 88H100.7V138Z"/></g>'
    )


def _draw_seconds(face: Face, degrees: float) -> str:
    trim = TRIMS[face.trim]
    colour = ACCENTS[face.accent] or (trim.dark if face.is_light else trim.light)
    cap = (
        f'<circle cx="100" cy="130" r="2.8" fill="{trim.dark}"/>'
        f'<circle cx="100" cy="130" r="1.3" fill="{trim.light}"/>'
    )
    offset = _SECONDS_SUBDIALS.get(face.sub)
    if offset is None:
        return f'<g class="second-hand" {_turned(degrees)}>{_sweep(face, colour)}</g>{cap}'
    # The subdial's hand still turns around 100 130: the group around it moves that point.
    small = f'<path d="M100 134V119.5" stroke="{colour}" stroke-width=".9"/>'
    moved = f'<g transform="translate({offset[0]} {offset[1]})">'
    parked = _sweep(face, colour) if face.sub.startswith("chrono") else ""
    return f'{moved}<g class="second-hand" {_turned(degrees)}>{small}</g></g>{parked}{cap}'


def _sweep(face: Face, colour: str) -> str:
    tip = _CENTRE_Y - _SECOND_LENGTH
    needle = f'<path d="M100 146V{number(tip)}" stroke="{colour}" stroke-width="1"/>'
    weight = f'<path d="M98.6 146.5h2.8v-9h-2.8z" fill="{colour}"/>'
    if face.index not in ("dot", "field") or face.lume == "none":
        return needle + weight
    lamp = f'<circle cx="100" cy="89" r="2.6" fill="{LUMES[face.lume]}" stroke="{colour}"/>'
    return needle + weight + lamp


# Subdials that hold the running seconds: how far their centre lies from the dial's.
_SECONDS_SUBDIALS = {"small": (0, 29), "chrono2": (-29, 0), "chrono3": (-29, 0)}
