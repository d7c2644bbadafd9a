"""A watch's description: its collection's story and sentences about dial, movement and strap."""

from collections.abc import Callable

from database.catalogue.models import Collection, Text, Wear
from database.catalogue.sentences import DIALS, MOVEMENTS, STRAPS
from database.catalogue.words import CASES, DIAL_COLOURS, STRAP_COLOURS


def describe(
    collection: Collection, dial: str, wear: Wear, choose: Callable[[str, int], int]
) -> Text:
    """Three or four sentences, the same facts in both languages.

    `choose(purpose, n)` picks one of n; it is asked once per purpose, so both languages agree.
    """
    colour, finish = dial.split("/")
    kind, strap_colour = wear.strap.split("-")
    story = collection.stories[choose("story", len(collection.stories))]
    look = DIALS[finish][choose("dial", len(DIALS[finish]))]
    movements = MOVEMENTS[collection.movement]
    movement = movements[choose("movement", len(movements))]
    order = choose("order", 3)

    def write(language: int) -> str:
        dial_part = look[language].format(DIAL_COLOURS[colour][language].lower())
        movement_part = movement[language].format(
            case=CASES[wear.case][1][language],
            mm=wear.case_mm,
            depth=collection.water_resistance_m,
        )
        strap_part = STRAPS[kind][language].format(STRAP_COLOURS[strap_colour][language].lower())
        parts = (
            (story[language], dial_part, movement_part, strap_part),
            (dial_part, story[language], movement_part),
            (story[language], movement_part, dial_part, strap_part),
        )[order]
        return " ".join(parts)

    return Text(write(0), write(1))
