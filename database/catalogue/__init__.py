"""The watches that a new shop starts with. All brands are invented."""

from database.catalogue import batik, dress, land, quiet, racing, sea, sky
from database.catalogue.generate import generate
from database.catalogue.models import CatalogueItem

__all__ = ["CATALOGUE", "CatalogueItem"]

CATALOGUE: tuple[CatalogueItem, ...] = generate(
    sea.COLLECTIONS
    + land.COLLECTIONS
    + sky.COLLECTIONS
    + racing.COLLECTIONS
    + dress.COLLECTIONS
    + batik.COLLECTIONS
    + quiet.COLLECTIONS
)
