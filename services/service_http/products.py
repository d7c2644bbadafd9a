"""Products and brands as JSON bytes: from the cache, else from the database into the cache."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel
from sqlalchemy import Connection

from contracts.cache_keys import product_entry
from contracts.products import Product, ProductPage
from servicekit.cache.cache import Cache, Fallback, Load
from servicekit.cache.policy import CachePolicy
from servicekit.problems import NotFound
from services.service_http.database import Database
from services.service_http.found_pages import FoundPages
from services.service_http.landmarks import Landmarks
from services.service_http.product_rows import find_product, list_brands, list_products
from services.service_http.product_snapshot import ProductSnapshot
from services.service_http.search import ProductQuery

# A shown stock is at most 2 s old, however the read raced with a sale. What the way to the
# reader takes must fit in as well.
CACHE_POLICY = CachePolicy(
    soft_ttl_seconds=1.7,
    stale_after_seconds=1.9,
    negative_ttl_seconds=10,
    hard_ttl_seconds=24 * 3600,
)
# Entries that an older version wrote are of no use after a change of their fields.
SHAPE = hashlib.sha256(
    json.dumps(ProductPage.model_json_schema(), sort_keys=True).encode()
).hexdigest()[:12]


class ProductNotFound(NotFound):
    """No product has this id."""

    def __init__(self) -> None:
        super().__init__("There is no such product.")


@dataclass(frozen=True, slots=True)
class Document:
    """JSON, and its age in seconds if it says what may no longer be true."""

    body: bytes
    age_seconds: int | None = None


class Catalogue:
    """What of it is stale, since the database cannot be asked, leaves the stock out."""

    def __init__(self, cache: Cache, database: Database, snapshot: ProductSnapshot) -> None:
        self._cache, self._database, self._snapshot = cache, database, snapshot
        self._found, self._landmarks = FoundPages(), Landmarks()

    async def product(self, product_id: int) -> Document:
        """Raises `ProductNotFound`."""
        return await self._fetch(
            product_entry(product_id),
            lambda: self._database.ask(
                lambda connection: _to_json(find_product(connection, product_id))
            ),
            fallback=self._snapshot.product(product_id),
            without_stock=_product_without_stock,
        )

    async def page(self, query: ProductQuery) -> Document:
        return await self._fetch(
            query.cache_key(),
            lambda: self._load_page(query),
            fallback=self._snapshot.page(query),
            without_stock=_page_without_stock,
        )

    async def brands(self) -> Document:
        return await self._fetch(
            "brands",
            lambda: self._database.ask(lambda connection: _to_json(list_brands(connection))),
            fallback=self._snapshot.brands(),
            without_stock=lambda body: body,
        )

    async def _load_page(self, query: ProductQuery) -> bytes | None:
        known = self._found.recall(query)

        def ask(connection: Connection) -> tuple[bytes | None, ProductPage]:
            page = list_products(connection, query, known, self._landmarks)
            return _to_json(page), page

        body, page = await self._database.ask(ask)
        self._found.learn(query, page)
        return body

    async def _fetch(
        self,
        key: str,
        load: Load,
        *,
        fallback: Fallback | None,
        without_stock: Callable[[bytes], bytes],
    ) -> Document:
        found = await self._cache.fetch(key, load, fallback)
        body = found.entry.body
        if body is None:
            raise ProductNotFound
        if found.is_stale:
            return Document(without_stock(body), age_seconds=int(found.entry.age_seconds()))
        return Document(body)


def _to_json(answer: BaseModel | None) -> bytes | None:
    """In the thread of the database: the event loop gets bytes."""
    return None if answer is None else answer.model_dump_json().encode()


def _product_without_stock(body: bytes) -> bytes:
    product = Product.model_validate_json(body)
    return product.model_copy(update={"stock": None}).model_dump_json().encode()


def _page_without_stock(body: bytes) -> bytes:
    page = ProductPage.model_validate_json(body)
    items = tuple(product.model_copy(update={"stock": None}) for product in page.items)
    return page.model_copy(update={"items": items}).model_dump_json().encode()
