"""The whole catalogue as it was a moment ago, for when neither cache nor database can be asked:
what was looked at before is a matter of chance."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel

from contracts.products import Brand, BrandList, Product, ProductPage, ProductSort
from database.words import words_of
from servicekit.cache.cache import Fallback
from servicekit.cache.store import Entry
from servicekit.problems import ServiceUnavailable
from servicekit.telemetry.tracing import untraced
from services.service_http.database import Database
from services.service_http.product_rows import list_products_after
from services.service_http.search import ProductQuery

logger = logging.getLogger(__name__)

# A service that starts serves first.
FIRST_AFTER_SECONDS = 3.0
_INTERVAL_SECONDS = 60.0
_RETRY_SECONDS = 5.0
# In one question; the database's thread and the interpreter are others' as well.
_PAGE_SIZE = 200
# About 3 KB each.
_MAX_PRODUCTS = 5_000

_SORTED_BY: dict[ProductSort, Callable[[Product], Any]] = {
    ProductSort.NAME: lambda product: product.name,
    ProductSort.PRICE: lambda product: product.price_idr,
    ProductSort.PRICE_DESCENDING: lambda product: -product.price_idr,
    ProductSort.NEWEST: lambda product: -product.released_on.toordinal(),
}


@dataclass(frozen=True, slots=True)
class _Item:
    product: Product
    words: tuple[str, ...]


class ProductSnapshot:
    """Answers as the database would have, at the time that its entries name. None: it does not
    know; what it does not hold may be there since."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._items: dict[int, _Item] = {}
        self._read_at = 0.0

    def product(self, product_id: int) -> Fallback | None:
        item = self._items.get(product_id)
        return None if item is None else lambda: self._entry(item.product)

    def page(self, query: ProductQuery) -> Fallback | None:
        return (lambda: self._entry(self._find(query))) if self._items else None

    def brands(self) -> Fallback | None:
        return (lambda: self._entry(self._count_brands())) if self._items else None

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._keep_fresh())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def read(self) -> None:
        """Raises `ServiceUnavailable`; what was read before then stays."""
        read_at, items, last = time.time(), dict[int, _Item](), 0
        while part := await self._database.ask(
            partial(list_products_after, product_id=last, limit=_PAGE_SIZE)
        ):
            for product in part:
                words = words_of(f"{product.brand} {product.collection} {product.name}")
                items[product.product_id] = _Item(product, tuple(words))
            last = part[-1].product_id
            if len(items) > _MAX_PRODUCTS:
                logger.warning("more than %d products: not all are kept", _MAX_PRODUCTS)
                items.clear()
                break
        self._items, self._read_at = items, read_at

    async def _keep_fresh(self) -> None:
        await asyncio.sleep(FIRST_AFTER_SECONDS)
        while True:
            pause = _INTERVAL_SECONDS
            try:
                with untraced():
                    await self.read()
            except ServiceUnavailable:
                pause = _RETRY_SECONDS
            except Exception:
                logger.exception("the catalogue cannot be kept")
            await asyncio.sleep(pause * random.uniform(0.8, 1))

    def _entry(self, answer: BaseModel) -> Entry:
        return Entry(answer.model_dump_json().encode(), self._read_at)

    def _find(self, query: ProductQuery) -> ProductPage:
        found = [item.product for item in self._items.values() if _matches(item, query)]
        found.sort(key=lambda product: (_SORTED_BY[query.sort](product), product.product_id))
        return ProductPage(
            items=tuple(found[query.offset : query.offset + query.page_size]),
            page=query.page,
            page_size=query.page_size,
            total=len(found),
        )

    def _count_brands(self) -> BrandList:
        counts = Counter(item.product.brand for item in self._items.values())
        return BrandList(
            items=tuple(Brand(brand=brand, products=counts[brand]) for brand in sorted(counts))
        )


def _matches(item: _Item, query: ProductQuery) -> bool:
    product = item.product
    return (
        not query.finds_nothing
        and (not query.brand or product.brand == query.brand)
        and product.price_idr >= (query.min_price or 0)
        and (query.max_price is None or product.price_idr <= query.max_price)
        and (not query.product_ids or product.product_id in query.product_ids)
        and all(any(word.startswith(prefix) for word in item.words) for prefix in query.words)
    )
