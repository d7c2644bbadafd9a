"""Reads drawing instructions, `key=value;…`, into a `Face` that can always be drawn."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2s

from watch_faces.palette import (
    ACCENTS,
    DIALS,
    LUMES,
    METALS,
    PRINT_ON_LIGHT,
    STRAPS,
    TRIMS,
)

# For each key the values it may take; the first one is drawn when the key is absent or damaged.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "shape": ("round", "cushion", "octagon"),
    "case": tuple(METALS),
    "bezel": ("smooth", "thin", "fluted", "coin", "dive", "tachy", "gmt"),
    "insert": tuple(DIALS),
    "dial": tuple(DIALS),
    "finish": (
        *("sunburst", "matte", "fume", "enamel", "guilloche", "clous", "linen", "brushed"),
        *("waves", "parang", "kawung", "truntum", "mendung"),
    ),
    "index": ("baton", "line", "wedge", "dot", "arabic", "roman", "pilot", "field"),
    "hands": ("dauphine", "baton", "sword", "leaf", "pencil", "syringe", "pomme", "alpha"),
    "trim": tuple(TRIMS),
    "lume": tuple(LUMES),
    "accent": tuple(ACCENTS),
    "strap": tuple(STRAPS),
    "date": ("none", "3", "6"),
    "sub": ("none", "small", "chrono2", "chrono3", "moon", "heart", "gmt"),
    "mark": ("none", "diamond", "wave", "star", "triangle", "ring", "sun", "bars", "leaf"),
}
SMALLEST_MM, _USUAL_MM, LARGEST_MM = 34, 40, 45
PRINTED_TEXT = re.compile(r"[A-Za-z0-9 ]{1,14}")


@dataclass(frozen=True, slots=True)
class Face:
    """`uid` is a stable digest of the instructions; every id inside the drawing starts with it.
    `day` is what the date window shows."""

    uid: str
    day: int
    shape: str
    case: str
    bezel: str
    insert: str
    dial: str
    finish: str
    index: str
    hands: str
    trim: str
    lume: str
    accent: str
    strap: str
    date: str
    sub: str
    mark: str
    text: str
    mm: int

    @property
    def taken_hours(self) -> frozenset[int]:
        """The hours whose marker gives way to a date window or a subdial."""
        by_subdial = {
            "small": {6},
            "moon": {6},
            "heart": {6},
            "chrono2": {3, 9},
            "chrono3": {3, 6, 9},
        }
        return frozenset(
            by_subdial.get(self.sub, set()) | ({int(self.date)} if self.date_shown else set())
        )

    @property
    def is_light(self) -> bool:
        """Whether print and hands have to be dark to stand out."""
        return DIALS[self.dial].print == PRINT_ON_LIGHT

    @property
    def date_shown(self) -> bool:
        subdial_in_the_way = {
            "3": ("chrono2", "chrono3"),
            "6": ("small", "moon", "heart", "chrono3"),
        }
        return self.date != "none" and self.sub not in subdial_in_the_way[self.date]


def read_face(spec: str) -> Face:
    """Never raises: an unknown key is passed over, a damaged value becomes the default."""
    pairs = dict(part.split("=", 1) for part in spec.split(";") if "=" in part)
    chosen = {
        key: pairs[key] if pairs.get(key) in values else values[0]
        for key, values in CHOICES.items()
    }
    text = pairs.get("text", "")
    digest = blake2s(spec.encode(errors="replace"), digest_size=4).hexdigest()
    return Face(
        uid=f"w{digest}",
        day=1 + int(digest[:3], 16) % 28,
        text=text if PRINTED_TEXT.fullmatch(text) else "",
        mm=_read_millimetres(pairs.get("mm", "")),
        **chosen,
    )


def _read_millimetres(text: str) -> int:
    # The pattern comes first: int() also takes digits of other scripts, and of any length.
    if not re.fullmatch(r"[0-9]{2}", text):
        return _USUAL_MM
    return min(max(int(text), SMALLEST_MM), LARGEST_MM)
