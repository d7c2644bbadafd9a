"""The colours of the drawn watches: dials, metals, straps, lume."""

from collections.abc import Mapping
from typing import NamedTuple


class DialColour(NamedTuple):
    glow: str
    base: str
    edge: str
    print: str


class Metal(NamedTuple):
    shine: str
    light: str
    mid: str
    deep: str


class Trim(NamedTuple):
    light: str
    dark: str
    line: str


PRINT_ON_DARK, PRINT_ON_LIGHT = "#eef0f2", "#2a2d33"

DIALS: Mapping[str, DialColour] = {
    "ink": DialColour("#3a3d42", "#17181b", "#08090a", PRINT_ON_DARK),
    "midnight": DialColour("#3f6db0", "#173563", "#0a1832", PRINT_ON_DARK),
    "indigo": DialColour("#5256a8", "#2a2c66", "#131434", PRINT_ON_DARK),
    "petrol": DialColour("#3e8a96", "#15505c", "#08272e", PRINT_ON_DARK),
    "lagoon": DialColour("#6fd0d2", "#2597a0", "#0d545e", PRINT_ON_DARK),
    "sky": DialColour("#b9d9ee", "#7fb2d3", "#4a81a6", PRINT_ON_LIGHT),
    "ice": DialColour("#eef6fa", "#cfe1ea", "#9fb9c6", PRINT_ON_LIGHT),
    "forest": DialColour("#4d8a63", "#1c4a31", "#0b2417", PRINT_ON_DARK),
    "moss": DialColour("#8c9463", "#58603a", "#2c311c", PRINT_ON_DARK),
    "jade": DialColour("#9fd3b6", "#5ea482", "#2f6b50", PRINT_ON_LIGHT),
    "burgundy": DialColour("#a04456", "#5f1626", "#300810", PRINT_ON_DARK),
    "plum": DialColour("#86588f", "#4a2653", "#231028", PRINT_ON_DARK),
    "coral": DialColour("#f4a27f", "#dd6d4b", "#a3412a", PRINT_ON_LIGHT),
    "salmon": DialColour("#f6d3bf", "#e3ac92", "#b97f67", PRINT_ON_LIGHT),
    "copper": DialColour("#d99a6a", "#9a5a31", "#512a13", PRINT_ON_DARK),
    "chestnut": DialColour("#96633f", "#553220", "#28150b", PRINT_ON_DARK),
    "sogan": DialColour("#a9773f", "#643d1b", "#311b09", "#f3ddb0"),
    "saffron": DialColour("#f7d67a", "#e3aa34", "#a87514", PRINT_ON_LIGHT),
    "champagne": DialColour("#f7ebcb", "#e4cd98", "#b89c61", PRINT_ON_LIGHT),
    "sand": DialColour("#e6d7ba", "#cbb48a", "#96805a", PRINT_ON_LIGHT),
    "ivory": DialColour("#fffdf4", "#f5ecd6", "#d6c8a6", PRINT_ON_LIGHT),
    "white": DialColour("#fff", "#f3f4f5", "#d5d8db", PRINT_ON_LIGHT),
    "silver": DialColour("#fafbfc", "#d3d7db", "#9da3aa", PRINT_ON_LIGHT),
    "slate": DialColour("#8b96a3", "#515c69", "#29303a", PRINT_ON_DARK),
    "graphite": DialColour("#75797e", "#3c4044", "#1b1d20", PRINT_ON_DARK),
}

METALS: Mapping[str, Metal] = {
    "steel": Metal("#fff", "#dfe3e7", "#a3aab1", "#636b74"),
    "titanium": Metal("#d6d3ce", "#aeaaa4", "#807c76", "#4b4843"),
    "bronze": Metal("#f6d5a8", "#cf9a62", "#9a6636", "#5b371b"),
    "gold": Metal("#fff6cf", "#f0d283", "#c69a3e", "#80591a"),
    "rose": Metal("#ffe9dc", "#eebb9d", "#c68466", "#7d4733"),
    "ceramic": Metal("#8a8f96", "#4a4e54", "#26292d", "#0b0c0d"),
    "white": Metal("#fff", "#f3f2ef", "#d5d3ce", "#9d9a94"),
}

# Hands and applied markers: lit side, shaded side, outline.
TRIMS: Mapping[str, Trim] = {
    "silver": Trim("#fff", "#b4bbc2", "#4b5259"),
    "gold": Trim("#fde9a9", "#c3932f", "#6a4a12"),
    "rose": Trim("#fbd8c4", "#c07a5a", "#6d3d2a"),
    "black": Trim("#3b3e43", "#141517", "#000"),
    "blued": Trim("#4d7fd6", "#173f8a", "#0b2250"),
    "white": Trim("#fff", "#e4e7ea", "#565b61"),
}

LUMES: Mapping[str, str] = {
    "none": "",
    "mint": "#d9f5e3",
    "vintage": "#ecd79c",
    "white": "#fbfcf7",
    "blue": "#c9ecff",
}

ACCENTS: Mapping[str, str] = {
    "trim": "",
    "red": "#d8352a",
    "orange": "#f07f1e",
    "yellow": "#f4c522",
    "blue": "#3c86d8",
    "teal": "#22b3a6",
    "gold": "#d9a93c",
}

_LEATHERS = {
    "tan": "#b98049",
    "cognac": "#94532a",
    "brown": "#583824",
    "black": "#232326",
    "navy": "#22345a",
    "green": "#34483a",
    "grey": "#74777b",
    "burgundy": "#641f2e",
    "sand": "#cdb68f",
}
_RUBBERS = {
    "black": "#232527",
    "navy": "#1c3157",
    "orange": "#e0702a",
    "green": "#35503c",
    "white": "#eceae5",
    "teal": "#1d6f75",
}
_TEXTILES = {
    "black": "#26272a",
    "navy": "#22345a",
    "green": "#4c5a3c",
    "sand": "#c7b189",
    "grey": "#7d8185",
    "burgundy": "#6a2432",
}
_BATIKS = {"sogan": "#5d3716", "indigo": "#20305c", "maroon": "#5c1c26", "forest": "#1f4230"}
_LINKS = {"steel": "#c3c8cd", "titanium": "#938f89", "ceramic": "#3a3d42"}

# `kind-colour` → colour; the kinds are the drawing functions of straps.py.
STRAPS: Mapping[str, str] = {
    f"{kind}-{colour}": value
    for kind, colours in {
        "leather": _LEATHERS,
        "rubber": _RUBBERS,
        "nato": _TEXTILES,
        "batik": _BATIKS,
        "mesh": {"steel": "#bfc4c9", "gold": "#d9b765", "rose": "#d9a488", "black": "#34373b"},
        "three": _LINKS,
        "five": _LINKS,
        "block": _LINKS,
    }.items()
    for colour, value in colours.items()
}
