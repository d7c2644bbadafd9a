"""Turns collections into watches, the same ones on every machine and in every run."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from hashlib import sha256
from itertools import product

from database.catalogue.describe import describe
from database.catalogue.models import CatalogueItem, Collection, Text, Wear
from database.catalogue.words import (
    CASES,
    DIAL_COLOURS,
    LIGHT_DIALS,
    STRAP_COLOURS,
    STRAP_KINDS,
)

# In percent of the collection's price.
_CASE_PERCENT = {
    "steel": 100,
    "titanium": 128,
    "bronze": 116,
    "ceramic": 145,
    "white": 140,
    "gold": 460,
    "rose": 440,
}
_STRAP_PERCENT = {"three": 110, "five": 112, "block": 108, "mesh": 104, "batik": 106, "nato": 97}
_STRAP_CODES = {
    "three-steel": "steel_bracelet",
    "five-steel": "steel_bracelet",
    "block-steel": "steel_bracelet",
    "three-titanium": "titanium_bracelet",
    "block-titanium": "titanium_bracelet",
}
_CASE_CODES = {"rose": "gold", "white": "ceramic"}
_NEWEST_RELEASE = date(2026, 6, 1)


def generate(collections: tuple[Collection, ...]) -> tuple[CatalogueItem, ...]:
    """Numbered from 1 in the order of their release, so that a higher id is a newer watch."""
    unnumbered = [item for collection in collections for item in _vary(collection)]
    unnumbered.sort(key=lambda item: (item.released_on, item.brand, item.name))
    return tuple(
        replace(item, product_id=number, slug=f"{_slugify(f'{item.brand} {item.name}')}-{number}")
        for number, item in enumerate(unnumbered, start=1)
    )


def _vary(collection: Collection) -> Iterator[CatalogueItem]:
    for (row, dial), (column, wear) in product(
        enumerate(collection.dials), enumerate(collection.wears)
    ):
        name = _name(collection, dial, wear)
        choose = _chooser(f"{collection.brand}/{name}")
        description = describe(collection, dial, wear, choose)
        price_idr = _price(collection, wear)
        yield CatalogueItem(
            product_id=0,
            slug="",
            brand=collection.brand,
            collection=collection.name,
            name=name,
            description_id=description.indonesian,
            description_en=description.english,
            movement=collection.movement,
            case_material=_CASE_CODES.get(wear.case, wear.case),
            case_mm=wear.case_mm,
            strap=_STRAP_CODES.get(wear.strap, wear.strap.split("-")[0]),
            water_resistance_m=collection.water_resistance_m,
            price_idr=price_idr,
            stock=_stock(price_idr, choose),
            released_on=_release(collection.since, 4 * row + column, choose),
            face=_write_face(collection, dial, wear),
        )


def _chooser(key: str) -> Callable[[str, int], int]:
    """Choices that depend on the watch's name alone: a new collection leaves the others as is."""

    def choose(purpose: str, count: int) -> int:
        digest = sha256(f"{key}/{purpose}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % count

    return choose


def _name(collection: Collection, dial: str, wear: Wear) -> str:
    """The case is named only where it is not the collection's usual one."""
    kind, strap_colour = wear.strap.split("-")

    def say(text: Text) -> str:
        return text.indonesian if collection.language == "id" else text.english

    usual = collection.wears[0]
    parts = [collection.name, say(DIAL_COLOURS[dial.split("/")[0]])]
    if wear.case != usual.case:
        parts.append(say(CASES[wear.case][0]))
    if wear.case_mm != usual.case_mm:
        parts.append(str(wear.case_mm))
    strap = say(STRAP_KINDS[kind]).format(say(STRAP_COLOURS[strap_colour]))
    return f"{' '.join(parts)}, {strap}"


def _slugify(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", ascii_text.lower()))


def _price(collection: Collection, wear: Wear) -> int:
    kind = wear.strap.split("-")[0]
    exact = collection.price_idr * _CASE_PERCENT[wear.case] * _STRAP_PERCENT.get(kind, 100)
    rupiah = exact // 10_000
    step = 5_000 if rupiah < 2_000_000 else 50_000 if rupiah < 20_000_000 else 500_000
    return (rupiah + step // 2) // step * step


def _stock(price_idr: int, choose: Callable[[str, int], int]) -> int:
    """One watch in twenty is sold out, one in twenty nearly; precious ones are never many."""
    luck = choose("luck", 20)
    if luck == 0:
        return 0
    if luck == 1:
        return 1 + choose("stock", 3)
    return 4 + choose("stock", 9 if price_idr >= 50_000_000 else 117)


def _release(since: date, months: int, choose: Callable[[str, int], int]) -> date:
    month = since.month - 1 + months
    first = date(since.year + month // 12, month % 12 + 1, 1)
    return min(first, _NEWEST_RELEASE).replace(day=1 + choose("day", 28))


def _write_face(collection: Collection, dial: str, wear: Wear) -> str:
    colour, finish = dial.split("/")
    parts = [f"dial={colour}", f"finish={finish}", f"case={wear.case}", f"strap={wear.strap}"]
    parts += [f"mm={wear.case_mm}", f"trim={_trim(collection, colour, wear)}"]
    if "bezel=dive" in collection.look or "bezel=tachy" in collection.look:
        parts.append(f"insert={'ink' if colour in LIGHT_DIALS else colour}")
    if "bezel=gmt" in collection.look:
        parts.append(f"insert={'burgundy' if colour == 'ink' else colour}")
    return ";".join([*parts, collection.look])


def _trim(collection: Collection, colour: str, wear: Wear) -> str:
    """Hands and markers: precious as the case, else whatever stands out from the dial."""
    precious = {"gold": "gold", "rose": "rose", "bronze": "gold"}.get(wear.case)
    if colour not in LIGHT_DIALS:
        return precious or "silver"
    if precious and collection.movement in ("automatic", "manual") and colour != "champagne":
        return "blued" if "roman" in collection.look else precious
    dressed = any(f"hands={style}" in collection.look for style in ("leaf", "pomme", "alpha"))
    return "blued" if dressed else "black"
