"""Bezels, from plain to diver's, and the flange that leads down to the dial."""

from watch_faces.palette import DIALS, LUMES, METALS
from watch_faces.shapes import DIAL_RADIUS, disc, place, ring, ticks, turned
from watch_faces.spec import Face

_OPENINGS = {"thin": 64, "smooth": 60, "coin": 60, "fluted": 57, "dive": 52, "gmt": 52, "tachy": 55}
_OCTAGON_OPENING = 53
# Kilometres an hour over one kilometre: the hand points at v after 3600 / v seconds.
_SPEEDS = (400, 300, 240, 200, 160, 140, 120, 100, 90, 80, 70, 60)


def find_dial_scale(face: Face) -> float:
    """How much smaller or larger than drawn the dial is in this bezel."""
    return _opening(face) / DIAL_RADIUS


def draw_bezel(face: Face) -> str:
    if face.shape == "octagon":
        bezel = _draw_octagon(face)
    elif face.bezel in ("dive", "gmt", "tachy"):
        bezel = _draw_insert(face)
    else:
        bezel = _draw_plain(face)
    return bezel + _draw_flange(_opening(face))


def _opening(face: Face) -> int:
    return _OCTAGON_OPENING if face.shape == "octagon" else _OPENINGS[face.bezel]


def _polished(face: Face) -> str:
    """The case's metal, lit from the other side, so that the bezel stands out from the case."""
    return f'fill="url(#{face.uid}c)" transform="scale(-1)"'


def _draw_plain(face: Face) -> str:
    deep = f'stroke="{METALS[face.case].deep}" stroke-opacity=".6"'
    teeth = ""
    if face.bezel == "fluted":
        teeth = ticks(63.5, 9, 96, 0.5, deep)
    if face.bezel == "coin":
        teeth = ticks(67, 3.4, 150, 0.5, deep)
    return disc(68.5, f'{_polished(face)} {deep} stroke-width=".6"') + teeth


def _draw_flange(opening: float) -> str:
    edge = ring(opening + 1.2, 0.7, 'stroke="#fff" stroke-opacity=".35"')
    return disc(opening + 1.8, 'fill="#0d0e10"') + edge


def _draw_octagon(face: Face) -> str:
    metal = METALS[face.case]
    outer, inner = (
        "L".join(place(45 * side + 22.5, radius) for side in range(8)) for radius in (71, 68)
    )
    screws = "".join(f"M{place(45 * side, 59.5)}h.01" for side in range(8))
    return (
        f'<path d="M{outer}Z" {_polished(face)} stroke="{metal.deep}" stroke-width=".7"/>'
        f'<path d="M{inner}Z" fill="url(#{face.uid}c)"/>'
        f'<g stroke-linecap="round"><path d="{screws}" stroke="{metal.deep}" stroke-width="5"/>'
        f'<path d="{screws}" stroke="{metal.shine}" stroke-width="3.4"/></g>'
    )


def _draw_insert(face: Face) -> str:
    colour = DIALS[face.insert]
    plate = disc(71, _polished(face))
    if face.bezel == "tachy":
        return plate + ring(62.7, 11.4, f'stroke="{colour.base}"') + _draw_speeds(colour.print)
    grip = ticks(69.5, 4, 72, 0.55, f'stroke="{METALS[face.case].deep}"')
    insert = ring(60.7, 13.4, f'stroke="{colour.base}"')
    shine = ring(66, 1, 'stroke="#fff" stroke-opacity=".25"')
    scale = _draw_dive_minutes(colour.print) if face.bezel == "dive" else _draw_second_zone()
    pip = f'<path d="M-6-66H6L0-56Z" fill="{LUMES[face.lume] or colour.print}"/>'
    return plate + grip + insert + scale + shine + pip


def _draw_dive_minutes(ink: str) -> str:
    labels = {minute * 6: str(minute) for minute in (10, 20, 30, 40, 50)}
    between = "".join(
        f"M{place(degrees, 58)}L{place(degrees, 64)}" for degrees in range(30, 360, 60)
    )
    dashes = f'<path d="{between}" stroke="{ink}" stroke-width="2.4"/>'
    return _draw_labels(labels, 57.5, 9, ink) + dashes


def _draw_second_zone() -> str:
    """Twenty-four hours; the upper half dark, for the night."""
    night = (
        '<path d="M-60.7 0A60.7 60.7 0 0 1 60.7 0" fill="none" stroke="#15171a" '
        'stroke-width="13.4"/>'
    )
    labels = {hour * 15: str(hour) for hour in range(2, 24, 2)}
    return night + _draw_labels(labels, 57.5, 9, "#f1f2f3")


def _draw_speeds(ink: str) -> str:
    labels = {21600 // speed: str(speed) for speed in _SPEEDS}
    return _draw_labels(labels, 60.7, 5.5, ink)


def _draw_labels(labels: dict[int, str], radius: float, size: float, ink: str) -> str:
    texts = "".join(
        f'<text {turned(degrees)} y="-{radius}">{label}</text>' for degrees, label in labels.items()
    )
    return f'<g fill="{ink}" font-size="{size}" font-weight="bold">{texts}</g>'
