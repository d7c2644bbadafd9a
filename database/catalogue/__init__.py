"""The watches that a new shop starts with. All brands are invented."""

from functools import cache

from database.catalogue import batik, dress, land, quiet, racing, sea, sky
from database.catalogue.generate import generate
from database.catalogue.models import CatalogueItem

__all__ = ["CatalogueItem", "create_catalogue"]


@cache
def create_catalogue() -> tuple[CatalogueItem, ...]:
    """The same watches on every machine; the position of each is its id, less one."""
    return generate(
        sea.COLLECTIONS
        + land.COLLECTIONS
        + sky.COLLECTIONS
        + racing.COLLECTIONS
        + dress.COLLECTIONS
        + batik.COLLECTIONS
        + quiet.COLLECTIONS
    )
