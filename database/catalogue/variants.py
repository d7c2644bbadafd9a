"""More watches than were invented: the catalogue again and again, each round under a word of its
own, for measuring how the shop grows."""

from collections.abc import Sequence
from dataclasses import replace

from database.catalogue.models import CatalogueItem

_SYLLABLES = ("ba", "de", "ga", "ji", "ku", "la", "mo", "na", "pe", "ra", "si", "tu", "wa", "yo")


def variant_of(catalogue: Sequence[CatalogueItem], product_id: int) -> CatalogueItem:
    """The watch with this id, the same in every run. Past the catalogue each is one of it under
    another name, so that a word of the catalogue finds ever more, and a round's word no more."""
    if product_id <= len(catalogue):
        return catalogue[product_id - 1]
    turn, index = divmod(product_id - 1, len(catalogue))
    item = catalogue[index]
    return replace(
        item,
        product_id=product_id,
        slug=f"{item.slug.rpartition('-')[0]}-{product_id}",
        name=f"{item.name} {_word(turn).title()}",
        # Products that sell, whatever is measured.
        stock=max(item.stock, 10),
    )


def _word(number: int) -> str:
    """Short, and different for each number."""
    word = _SYLLABLES[number % len(_SYLLABLES)]
    while number := number // len(_SYLLABLES):
        word += _SYLLABLES[number % len(_SYLLABLES)]
    return word if len(word) > 2 else word + "an"
