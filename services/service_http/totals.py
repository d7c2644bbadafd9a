"""How many products a search finds, remembered: a page is read every two seconds, and to count all
of a large catalogue each time would cost more than the page."""

import time

from servicekit.recent import Recent
from services.service_http.search import ProductQuery

# The stock, which must be newer, is not part of any search.
_BELIEVED_SECONDS = 30.0
_MAX_BYTES = 2**20


class Totals:
    """A page whose total was counted up to 30 s ago may say one more or one less than there are."""

    def __init__(self) -> None:
        self._known: Recent[tuple[object, ...], tuple[int, float]] = Recent(_MAX_BYTES)

    def recall(self, query: ProductQuery) -> int | None:
        known = self._known.get(query.found)
        if known is None or time.monotonic() - known[1] > _BELIEVED_SECONDS:
            return None
        return known[0]

    def learn(self, query: ProductQuery, total: int) -> None:
        """What was not recalled: told again, it would never be counted anew."""
        size = len(query.q) + len(query.brand) + 8 * len(query.product_ids)
        self._known.put(query.found, (total, time.monotonic()), 4 * size)
