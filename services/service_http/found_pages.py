"""What a search finds, remembered: a page is read every two seconds, for its stock, and to find it
anew in a large catalogue each time would cost more than to read it."""

import time
from dataclasses import dataclass

from contracts.products import ProductPage
from database.counts import FEW_PRODUCTS
from servicekit.recent import Recent
from services.service_http.search import ProductQuery

# Stock, price and whatever else a page shows are read each time; they are no part of this.
_BELIEVED_SECONDS = 30.0
_MAX_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Found:
    """How many there are in all, and in a large catalogue also which are on the page."""

    total: int
    ids: tuple[int, ...] | None = None


class FoundPages:
    """A page whose total was counted up to 30 s ago may say one more or one less than there are;
    in a large catalogue what was added since may not be on it yet."""

    def __init__(self) -> None:
        self._known: Recent[tuple[object, ...], tuple[Found, float]] = Recent(_MAX_BYTES)

    def recall(self, query: ProductQuery) -> Found | None:
        return self._recall(_page_of(query)) or self._recall(query.found)

    def learn(self, query: ProductQuery, page: ProductPage) -> None:
        """What was not recalled: told again, it would never be found anew."""
        if self._recall(query.found) is None:
            self._put(query, query.found, Found(page.total))
        if page.total > FEW_PRODUCTS and self._recall(_page_of(query)) is None:
            ids = tuple(item.product_id for item in page.items)
            self._put(query, _page_of(query), Found(page.total, ids))

    def _recall(self, key: tuple[object, ...]) -> Found | None:
        known = self._known.get(key)
        if known is None or time.monotonic() - known[1] > _BELIEVED_SECONDS:
            return None
        return known[0]

    def _put(self, query: ProductQuery, key: tuple[object, ...], found: Found) -> None:
        size = len(query.q) + len(query.brand) + 8 * len(query.product_ids)
        self._known.put(key, (found, time.monotonic()), 4 * size + 40 * len(found.ids or ()))


def _page_of(query: ProductQuery) -> tuple[object, ...]:
    return (*query.found, query.sort, query.page, query.page_size)
