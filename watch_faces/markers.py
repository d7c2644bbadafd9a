"""Hour markers, minute track, the small mark under twelve and the printed word above six."""

from watch_faces.palette import DIALS, LUMES, TRIMS
from watch_faces.shapes import number, place, point, ticks, turned
from watch_faces.spec import Face

_ROMAN = ("XII", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI")
_SERIF = "Georgia,'Times New Roman',serif"

_MARKS = {
    "diamond": "M0-36l2.6 4-2.6 4-2.6-4z",
    "wave": "M-7-33q1.8-3 3.5 0t3.5 0 3.5 0 3.5 0M-5-29.5q1.3-2.4 2.5 0t2.5 0 2.5 0 2.5 0",
    "star": "M0-37.5l1.3 4 4.2 1.2-4.2 1.2-1.3 4-1.3-4-4.2-1.2 4.2-1.2z",
    "triangle": "M0-36.5l4 6.8h-8z",
    "ring": "M0-36a3.4 3.4 0 1 1-.1 0M0-33.8a1.2 1.2 0 1 0 .1 0",
    "sun": "M-4-30a4 4 0 0 1 8 0zM0-38v2M-5.5-35.5l1.4 1.4M5.5-35.5l-1.4 1.4",
    "bars": "M-4.5-35h9M-3-32.5h6M-1.5-30h3",
    "leaf": "M0-37.5q4.5 4 0 9q-4.5-5 0-9M0-35v7.5",
}


def draw_markers(face: Face) -> str:
    hours = [hour for hour in range(12) if (hour or 12) not in face.taken_hours]
    draw = {
        "baton": _draw_batons,
        "line": _draw_lines,
        "wedge": _draw_wedges,
        "dot": _draw_dots,
        "arabic": _draw_arabic,
        "roman": _draw_roman,
        "pilot": _draw_pilot,
        "field": _draw_field,
    }[face.index]
    return _draw_track(face) + draw(face, hours) + _draw_print(face)


def _draw_track(face: Face) -> str:
    ink = f'stroke="{DIALS[face.dial].print}"'
    if face.index == "line":
        return ticks(56.5, 2, 12, 0.03, f'{ink} stroke-opacity=".5"')
    minutes = ticks(57.3, 2.4, 60, 0.11, f'{ink} stroke-opacity=".65"')
    if face.index == "roman":
        return ticks(56.2, 2, 60, 0.14, ink) + ticks(56.2, 2.6, 12, 0.05, ink)
    if face.index in ("pilot", "field"):
        return minutes + ticks(56.5, 4, 12, 0.05, ink)
    return minutes


def _draw_strokes(
    face: Face, hours: list[int], inner: float, outer: float, widths: list[tuple[str, float]]
) -> str:
    """The same radial strokes laid over each other in several colours and widths."""
    path = "".join(f"M{place(h * 30, inner)}L{place(h * 30, outer)}" for h in hours)
    double = 0 in hours and face.index in ("baton", "line")
    if double:
        # Two strokes at twelve, so that the dial can be read upside down on the table.
        top, bottom = number(-outer), number(-inner)
        path = path[path.index("M", 1) :] + "".join(f"M{x} {bottom}V{top}" for x in (-2.4, 2.4))
    layers = "".join(
        f'<use href="#{face.uid}i" stroke="{colour}" stroke-width="{number(width)}"/>'
        for colour, width in widths
    )
    return f'<path id="{face.uid}i" d="{path}"/>{layers}'


def _draw_batons(face: Face, hours: list[int]) -> str:
    trim = TRIMS[face.trim]
    middle = LUMES[face.lume] or trim.light
    return _draw_strokes(face, hours, 42, 53, [(trim.line, 3.6), (trim.dark, 3), (middle, 1.6)])


def _draw_lines(face: Face, hours: list[int]) -> str:
    trim = TRIMS[face.trim]
    return _draw_strokes(face, hours, 45, 55, [(trim.dark, 1.3), (trim.light, 0.5)])


def _draw_wedges(face: Face, hours: list[int]) -> str:
    trim = TRIMS[face.trim]
    lit, shaded = "", ""
    for hour in hours:
        wide = 4.2 if hour == 0 else 2.8
        tip, outer = place(hour * 30, 40 if hour % 3 == 0 else 43), place(hour * 30, 53.5)
        lit += f"M{tip}L{place(hour * 30 - wide, 53.5)}L{outer}Z"
        shaded += f"M{tip}L{place(hour * 30 + wide, 53.5)}L{outer}Z"
    outline = f'stroke="{trim.line}" stroke-width=".3"'
    return (
        f'<g {outline}><path d="{lit}" fill="{trim.light}"/>'
        f'<path d="{shaded}" fill="{trim.dark}"/></g>'
    )


def _draw_dots(face: Face, hours: list[int]) -> str:
    trim, lume = TRIMS[face.trim], LUMES[face.lume] or TRIMS[face.trim].light
    round_hours = [hour for hour in hours if hour % 3]
    long_hours = [hour for hour in hours if hour in (3, 6, 9)]
    dots = "".join(f"M{place(hour * 30, 48)}h.01" for hour in round_hours)
    bars = "".join(f"M{place(h * 30, 41.5)}L{place(h * 30, 52)}" for h in long_hours)
    outer, inner = f'stroke="{trim.dark}"', f'stroke="{lume}"'
    triangle = f'fill="{lume}" stroke="{trim.dark}" stroke-width="1.2"'
    return (
        f'<g stroke-linecap="round"><path id="{face.uid}i" d="{dots}"/>'
        f'<use href="#{face.uid}i" {outer} stroke-width="8.6"/>'
        f'<use href="#{face.uid}i" {inner} stroke-width="6.2"/></g>'
        f'<path d="{bars}" {outer} stroke-width="6"/><path d="{bars}" {inner} stroke-width="3.6"/>'
        f'<path d="M-6.5-52h13L0-40z" {triangle}/>'
    )


def _draw_upright(face: Face, labels: dict[int, str], radius: float, size: float) -> str:
    fill = TRIMS[face.trim].dark if face.index == "arabic" else _luminous_ink(face)
    texts = ""
    for hour, label in labels.items():
        x, y = point(hour * 30, radius)
        texts += f'<text x="{number(x)}" y="{number(y + size * 0.36)}">{label}</text>'
    serif = f'font-family="{_SERIF}" ' if face.index == "arabic" else ""
    return f'<g fill="{fill}" {serif}font-size="{number(size)}">{texts}</g>'


def _luminous_ink(face: Face) -> str:
    """Lume is too pale to be read on a light dial: there the numerals are printed."""
    ink = DIALS[face.dial].print
    return ink if face.is_light else LUMES[face.lume] or ink


def _draw_arabic(face: Face, hours: list[int]) -> str:
    labels = {hour: str(hour or 12) for hour in hours}
    return _draw_upright(face, labels, 46, 12.5)


def _draw_pilot(face: Face, hours: list[int]) -> str:
    labels = {hour: str(hour) for hour in hours if hour}
    colour = _luminous_ink(face)
    triangle = f'<path d="M-5.5-51h11L0-41z" fill="{colour}"/>'
    dots = f'<path d="M-9-50h.01M9-50h.01" stroke="{colour}" stroke-width="2.6" '
    numerals = _draw_upright(face, labels, 45, 13)
    return f'{numerals}{triangle}{dots}stroke-linecap="round"/>'


def _draw_field(face: Face, hours: list[int]) -> str:
    labels = {hour: str(hour or 12) for hour in hours}
    inner = "".join(
        f'<text {turned(hour * 30)} y="-31.5">{hour + 12}</text>'
        for hour in range(1, 13)
        if hour not in face.taken_hours
    )
    small = f'<g fill="{DIALS[face.dial].print}" font-size="4.2" fill-opacity=".7">{inner}</g>'
    return _draw_upright(face, labels, 44.5, 11.5) + small


def _draw_roman(face: Face, hours: list[int]) -> str:
    colour = TRIMS[face.trim].dark
    texts = "".join(f'<text {turned(hour * 30)} y="-42">{_ROMAN[hour]}</text>' for hour in hours)
    return f'<g fill="{colour}" font-family="{_SERIF}" font-size="11">{texts}</g>'


def _draw_print(face: Face) -> str:
    ink = DIALS[face.dial].print
    mark = ""
    # The field dial has its second scale where the mark would be.
    if face.mark in _MARKS and face.index != "field":
        shape = f'fill="none" stroke="{TRIMS[face.trim].dark}"'
        mark = f'<path d="{_MARKS[face.mark]}" {shape} stroke-width="1" stroke-linejoin="round"/>'
    if not face.text or face.sub in ("small", "moon", "heart", "chrono3"):
        return mark
    return (
        f'{mark}<text y="30" fill="{ink}" fill-opacity=".8" '
        f'font-size="4.4" letter-spacing=".8">{face.text.upper()}</text>'
    )
