"""What is asked for: pages, lists, products and orders, in shares, by guests who are new and
guests who come back."""

import json
import random
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
_CUSTOMER = {"name": "Pressure Test", "address": "Jl. Beban 1, Jakarta"}
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
        self._brands = sorted({word for watch in watches for word in watch.brand.split()})

    def meet(self, cookie: str) -> None:
        """The shop has made a guest."""
        self.fresh.append(cookie)
        self._known.append(cookie)

    def accepted(self, cookie: str, order_id: str) -> None:
        self._statuses.append((cookie, order_id))

    def next(self, phase: str, kind: str = "", shares: Mapping[str, float] = SHARES) -> Ask:
        rng = self._rng
        kind = kind or rng.choices(list(shares), list(shares.values()))[0]
        if kind == "order" and self._known:
            return self._order(phase)
        if kind == "order status" and self._statuses:
            cookie, order_id = rng.choice(self._statuses)
            return self._get(kind, f"/api/orders/{order_id}", cookie)
        watch = rng.choice(self._watches)
        cookie = rng.choice(self._known) if self._known and rng.random() > _NEW_GUESTS else ""
        paths = {
            "catalogue page": rng.choice(("/", "/?page=2", f"/?q={rng.choice(self._brands)}")),
            "product page": watch.page,
            "list": f"/api/products?sort={rng.choice(_SORTS)}&page={rng.randint(1, 3)}",
        }
        kind = kind if kind in paths else "product"
        return self._get(kind, paths.get(kind, f"/api/products/{watch.product_id}"), cookie)

    def _get(self, kind: str, path: str, cookie: str) -> Ask:
        accept = "text/html" if "page" in kind.split() else "application/json"
        return Ask(kind, self._head("GET", path, cookie, [f"Accept: {accept}"]))

    def _order(self, phase: str) -> Ask:
        cookie = self.fresh.popleft() if self.fresh else self._rng.choice(self._known)
        self._count += 1
        email = f"pressure-{self._run:x}-{self._count}@example.com"
        watch = self._rng.choice(self._watches)
        body = json.dumps(
            {
                "items": [{"product_id": watch.product_id, "quantity": 1}],
                "customer": {**_CUSTOMER, "email": email},
            }
        ).encode()
        key = uuid.UUID(int=self._rng.getrandbits(128), version=4)
        lines = [
            f"Idempotency-Key: {key}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        raw = self._head("POST", "/api/orders", cookie, lines) + body
        return Ask("order", raw, Order(email, raw, phase, cookie))

    def _head(self, method: str, path: str, cookie: str, lines: Sequence[str]) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._netloc}", *lines]
        if cookie:
            lines.append(f"Cookie: {cookie}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
