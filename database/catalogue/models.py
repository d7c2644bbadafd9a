"""What a watch of the catalogue is, and what a collection says so that watches follow from it."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple


class Text(NamedTuple):
    """The same statement in Indonesian and in English."""

    indonesian: str
    english: str


class Wear(NamedTuple):
    """How a collection is worn: metal of the case, diameter, strap as `kind-colour`."""

    case: str
    case_mm: int
    strap: str


@dataclass(frozen=True, slots=True)
class Collection:
    """Fixes a style; every dial in every wear is one watch.

    `look` holds the parts of the drawing that all share; `dials` are written `colour/finish`;
    `stories` are single sentences, of which each watch tells one.
    """

    brand: str
    name: str
    language: Literal["id", "en"]
    since: date
    movement: str
    water_resistance_m: int
    price_idr: int
    look: str
    dials: tuple[str, ...]
    wears: tuple[Wear, ...]
    stories: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One watch as the seed writes it; `description_id` is the Indonesian text, not a key."""

    product_id: int
    slug: str
    brand: str
    collection: str
    name: str
    description_id: str
    description_en: str
    movement: str
    case_material: str
    case_mm: int
    strap: str
    water_resistance_m: int
    price_idr: int
    stock: int
    released_on: date
    face: str
