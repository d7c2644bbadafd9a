"""What is asked for: pages, lists, products and orders, in shares, by guests who are new and
guests who come back. Cheaply: what this costs, a shop on the same machine does not have."""

import json
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from benchmarks.pressure.orders import Order
from loadtest.answers import Watch

# Kind → how many of a hundred. Orders have more than their share in a shop: theirs is the path
# that must hold.
SHARES = {
    "catalogue page": 12,
    "product page": 13,
    "list": 20,
    "product": 25,
    "order status": 5,
    "order": 25,
}
GROUPS = {
    "catalogue page": "pages",
    "product page": "pages",
    "list": "reads",
    "product": "reads",
    "order status": "reads",
    "order": "orders",
}
# Of those who read.
_NEW_GUESTS = 0.3
_SORTS = ("name", "price", "-price", "newest")
_BODY = json.dumps(
    {
        "items": [{"product_id": "%d", "quantity": 1}],
        "customer": {
            "name": "Pressure Test",
            "email": "%s",
            "address": "Jl. Beban 1, Jakarta",
        },
    }
).replace('"%d"', "%d")
_MOST_GUESTS = 20_000


@dataclass(frozen=True, slots=True)
class Ask:
    """One request as it goes over the wire."""

    kind: str
    raw: bytes
    order: Order | None = None


class Mix:
    """Deterministic but for the cookies, which the shop hands out."""

    def __init__(self, netloc: str, watches: Sequence[Watch], seed: int) -> None:
        self._netloc, self._watches = netloc, watches
        self._rng = random.Random(seed)
        self._run = self._rng.getrandbits(32)
        self._count = 0
        # Cookies of guests who have not ordered, and of all.
        self.fresh: deque[str] = deque(maxlen=_MOST_GUESTS)
        self._known: deque[str] = deque(maxlen=_MOST_GUESTS)
        self._statuses: deque[tuple[str, str]] = deque(maxlen=500)
        brands = sorted({word for watch in watches for word in watch.brand.split()})
        self._searches = [f"/?q={brand}" for brand in brands]
        self._shares: Mapping[str, float] = {}
        self._kinds, self._up_to = list[str](), list[float]()

    def meet(self, cookie: str) -> None:
        """The shop has made a guest."""
        self.fresh.append(cookie)
        self._known.append(cookie)

    def accepted(self, cookie: str, order_id: str) -> None:
        self._statuses.append((cookie, order_id))

    def next(self, phase: str, kind: str = "", shares: Mapping[str, float] = SHARES) -> Ask:
        rng = self._rng
        kind = kind or self._one_of(shares)
        if kind == "order" and self._known:
            return self._order(phase)
        if kind == "order status" and self._statuses:
            cookie, order_id = rng.choice(self._statuses)
            return self._get(kind, f"/api/orders/{order_id}", cookie)
        watch = rng.choice(self._watches)
        cookie = rng.choice(self._known) if self._known and rng.random() > _NEW_GUESTS else ""
        if kind == "catalogue page":
            path = rng.choice(("/", "/?page=2", rng.choice(self._searches)))
            return self._get(kind, path, cookie)
        if kind == "product page":
            return self._get(kind, watch.page, cookie)
        if kind == "list":
            path = f"/api/products?sort={rng.choice(_SORTS)}&page={rng.randint(1, 3)}"
            return self._get(kind, path, cookie)
        return self._get("product", f"/api/products/{watch.product_id}", cookie)

    def _one_of(self, shares: Mapping[str, float]) -> str:
        if shares is not self._shares:
            self._shares, self._kinds = shares, list(shares)
            self._up_to = list(accumulate(shares.values()))
        return self._rng.choices(self._kinds, cum_weights=self._up_to)[0]

    def _get(self, kind: str, path: str, cookie: str) -> Ask:
        accept = "text/html" if kind.endswith("page") else "application/json"
        return Ask(kind, self._head(f"GET {path}", cookie, f"Accept: {accept}"))

    def _order(self, phase: str) -> Ask:
        cookie = self.fresh.popleft() if self.fresh else self._rng.choice(self._known)
        self._count += 1
        email = f"pressure-{self._run:x}-{self._count}@example.com"
        body = (_BODY % (self._rng.choice(self._watches).product_id, email)).encode()
        lines = (
            f"Idempotency-Key: {self._rng.getrandbits(128):032x}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}"
        )
        raw = self._head("POST /api/orders", cookie, lines) + body
        return Ask("order", raw, Order(email, raw, phase, cookie))

    def _head(self, asked: str, cookie: str, lines: str) -> bytes:
        sent = f"\r\nCookie: {cookie}" if cookie else ""
        head = f"{asked} HTTP/1.1\r\nHost: {self._netloc}\r\n{lines}{sent}\r\n\r\n"
        return head.encode("latin-1")
