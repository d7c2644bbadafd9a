"""Case, lugs, crown and pushers."""

from watch_faces.palette import METALS
from watch_faces.shapes import disc, turned
from watch_faces.spec import Face

_CUSHION = "M0-73C46-73 73-46 73 0C73 46 46 73 0 73C-46 73-73 46-73 0C-73-46-46-73 0-73Z"
_BARREL = "M-43-66H43L70-32Q73 0 70 32L43 66H-43L-70 32Q-73 0-70-32Z"
_LUG = "M-52-42C-52-60-48-72-45-77Q-44-79-41-79H-37V-42Z"
_LUGS = "".join(
    f'<path d="{_LUG}"{mirror}/>'
    for mirror in (
        *("", ' transform="scale(-1 1)"'),
        *(' transform="scale(1 -1)"', ' transform="scale(-1)"'),
    )
)
_GUARD = '<path d="M50-32Q72-26 76-9L66-6Z"'
_GUARDS = f'{_GUARD}/>{_GUARD} transform="scale(1 -1)"/>'
_PUSHER = '<path d="M68-3H76V-6H81V6H76V3H68Z"'
_PUSHERS = f"{_PUSHER} {turned(-27)}/>{_PUSHER} {turned(27)}/>"


def define_metal(face: Face) -> str:
    metal, uid = METALS[face.case], face.uid
    shares = (0, metal.shine), (0.28, metal.light), (0.5, metal.mid), (0.66, metal.light)
    stops = "".join(
        f'<stop offset="{share}" stop-color="{colour}"/>'
        for share, colour in (*shares, (1, metal.deep))
    )
    return (
        f'<linearGradient id="{uid}c" x2="1" y2="1">{stops}</linearGradient>'
        f'<radialGradient id="{uid}h"><stop offset=".72" stop-opacity=".38"/>'
        '<stop offset="1" stop-opacity="0"/></radialGradient>'
    )


def draw_case(face: Face) -> str:
    """Begins with the shadow that the watch throws on the page."""
    body = {
        "round": _LUGS + disc(72, ""),
        "cushion": f'{_LUGS}<path d="{_CUSHION}"/>',
        "octagon": f'<path d="{_BARREL}"/>',
    }[face.shape]
    return (
        f'<circle cx="2" cy="6" r="86" fill="url(#{face.uid}h)"/>'
        f'<g fill="url(#{face.uid}c)" stroke="{METALS[face.case].deep}" stroke-width=".7">'
        f"{_draw_crown(face)}{body}</g>"
    )


def _draw_crown(face: Face) -> str:
    half = 9 if face.index == "pilot" else 7
    crown = (
        f'<rect x="68" y="-{half}" width="14" height="{half * 2}" rx="3"/>'
        f'<path d="M79-{half - 2}V{half - 2}" stroke-width="4.5" stroke-dasharray=".8 1.2"/>'
    )
    if face.sub.startswith("chrono"):
        return crown + _PUSHERS
    return crown + _GUARDS if face.bezel in ("dive", "gmt") else crown
