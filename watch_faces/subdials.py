"""Date window, chronograph counters, small seconds, moon phase, open heart."""

from watch_faces.palette import DIALS, TRIMS
from watch_faces.spec import Face

_STARS = "M-8 23h.01M-5 19h.01M7 20h.01M9 25h.01M0 17.5h.01M-10 27h.01"
_CHRONO_COUNTERS = {"chrono2": ((-29, 0), (29, 0)), "chrono3": ((-29, 0), (29, 0), (0, 29))}


def draw_subdials(face: Face) -> str:
    return _draw_counters(face) + _draw_date(face)


def _draw_counters(face: Face) -> str:
    if face.sub == "moon":
        return _draw_moon(face)
    if face.sub == "heart":
        return _draw_heart(face)
    if face.sub == "small":
        return _draw_counter(face, (0, 29), hand_degrees=None)
    parked = {(29, 0): 0, (0, 29): 300}
    return "".join(
        _draw_counter(face, offset, parked.get(offset))
        for offset in _CHRONO_COUNTERS.get(face.sub, ())
    )


def _draw_counter(face: Face, offset: tuple[int, int], hand_degrees: int | None) -> str:
    """Without degrees the hand is the running one, which hands.py draws."""
    colour, trim = DIALS[face.dial], TRIMS[face.trim]
    radius = 15 if face.sub == "chrono2" else 14
    circle = f'<circle r="{radius}"'
    # On a light dial a full well would swallow the hand.
    pale = ' fill-opacity=".45"' if face.is_light else ""
    hand = ""
    if hand_degrees is not None:
        hand = (
            f'<path d="M0 4V-10.5" stroke="{trim.light}" stroke-width="1.1" '
            f'transform="rotate({hand_degrees})"/>'
            f'<circle r="1.3" fill="{trim.dark}"/>'
        )
    return (
        f'<g transform="translate({offset[0]} {offset[1]})">'
        f'{circle} fill="{colour.edge}"{pale} stroke="{trim.dark}" stroke-width=".8"/>'
        f'<circle r="{radius - 2.4}" fill="none" stroke="{colour.print}" '
        'stroke-opacity=".75" stroke-width="2.4" pathLength="60" stroke-dasharray=".35 4.65" '
        f'transform="rotate(-91)"/>{hand}</g>'
    )


def _draw_moon(face: Face) -> str:
    trim, colour = TRIMS[face.trim], DIALS[face.dial]
    return (
        f'<circle cy="29" r="14" fill="#101d42" stroke="{trim.dark}"/>'
        f'<path d="{_STARS}" stroke="#fff4cf" stroke-width="1.1" stroke-linecap="round"/>'
        '<circle cy="24" r="6" fill="#f3d98c"/>'
        '<circle cx="-1.8" cy="22.5" r="1.2" fill="#d9b95f"/>'
        '<circle cx="2" cy="26" r=".9" fill="#d9b95f"/>'
        '<path d="M-13.6 30a4.5 4.5 0 0 1 9 0q4.6 3 9.2 0a4.5 4.5 0 0 1 9 0a13.6 13.6 0 0 1-27.2 0"'
        f' fill="{colour.base}" stroke="{trim.dark}" stroke-width=".7"/>'
    )


def _draw_heart(face: Face) -> str:
    """The balance wheel behind an opening at six."""
    trim = TRIMS[face.trim]
    gold = 'fill="none" stroke="#d8ad4c"'
    return (
        f'<g><circle cy="28" r="15" fill="#1b1712" stroke="{trim.dark}" '
        'stroke-width="1.6"/>'
        f'<circle cx="-4" cy="24" r="9.5" {gold} stroke-width="2.4" stroke-opacity=".45" '
        'stroke-dasharray="1.1 .9"/>'
        f'<circle cy="28" r="10.5" {gold} stroke-width="1.8"/>'
        f'<path d="M0 17.5V38.5M-9.1 33.2L9.1 22.8M-9.1 22.8L9.1 33.2" '
        f'{gold} stroke-width="1"/>'
        '<path d="M0 28q1.6-1.6 2.6 .6t-2.8 2.4-3-4.2 5.2-2.6 4 6.2-7 2-3.6-7.6" '
        'fill="none" stroke="#7fa4e0" stroke-width=".5"/>'
        '<circle cy="28" r="1.7" fill="#d0254a" stroke="#f2d48a" stroke-width=".7"/></g>'
    )


def _draw_date(face: Face) -> str:
    if not face.date_shown:
        return ""
    x, y = (40.5, 0) if face.date == "3" else (0, 44)
    frame = TRIMS[face.trim].dark
    return (
        f'<rect x="{x - 6}" y="{y - 4.8}" width="12" height="9.6" rx="1" fill="#fdfdfb" '
        f'stroke="{frame}" stroke-width=".9"/>'
        f'<text x="{x}" y="{y + 2.8}" '
        f'font-size="7.6" fill="#1d1f22">{face.day}</text>'
    )
