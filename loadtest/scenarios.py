"""What a guest does in each scenario. Nothing here sends anything: a `Visitor` does, at the planned
times."""

import json
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from urllib.parse import quote_plus, urlencode

from loadtest import answers
from loadtest.answers import Answer, Watch

T = TypeVar("T")

# A status that stays as it is.
ENDED = ("confirmed", "rejected")
_CUSTOMER = {
    "name": "Load Test",
    "email": "load@example.com",
    "address": "Jl. Beban 1, Jakarta",
}


class SoldOut(Exception):
    """The guest leaves: what they wanted is gone. Nobody's error."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


class Visitor(Protocol):
    """Sends a visit's requests; `read` takes what the visit needs out of an answer, or raises
    WrongContent."""

    def send(self, request: Request, read: Callable[[Answer], T]) -> T:
        """The next planned request."""

    def poll(self, request: Request, read_status: Callable[[Answer], str]) -> None:
        """The last planned request, repeated until the order that was made has ended."""


class Shop:
    """What guests know before they come: which watches there are."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self.watches = list(watches)
        brands = {watch.brand for watch in watches}
        # A shop finds nothing by the "&" of "Orr & Pell".
        self.words = sorted({word for brand in brands for word in brand.split() if word.isalnum()})
        self.pages = max(1, len(self.watches) // 24)


def run_scenario(name: str, visitor: Visitor, known: Shop, rng: random.Random) -> None:
    """One whole visit."""
    _SCENARIOS[name](visitor, known, rng)


def _browse(visitor: Visitor, known: Shop, rng: random.Random) -> None:
    visitor.send(get("/"), answers.product_links)
    links = visitor.send(get(f"/?page={rng.randint(1, known.pages)}"), answers.product_links)
    visitor.send(get(rng.choice(links)), answers.product_page)


def _search(visitor: Visitor, known: Shop, rng: random.Random) -> None:
    words = quote_plus(rng.choice(known.words))
    links = visitor.send(get(f"/?q={words}"), answers.product_links)
    visitor.send(get(rng.choice(links)), answers.product_page)


def _read_by_program(visitor: Visitor, known: Shop, rng: random.Random) -> None:
    sort = rng.choice(("name", "price", "-price", "newest"))
    page = rng.randint(1, known.pages)
    items = visitor.send(get(f"/api/products?sort={sort}&page={page}"), answers.product_list)
    watch = rng.choice(items)
    visitor.send(get(f"/api/products/{watch['product_id']}"), answers.json_with("price_idr"))


def _order_by_program(visitor: Visitor, known: Shop, rng: random.Random) -> None:
    watch = rng.choice(known.watches)
    product = visitor.send(get(f"/api/products/{watch.product_id}"), answers.json_with("price_idr"))
    body = {
        "items": [{"product_id": watch.product_id, "quantity": 1}],
        "customer": _CUSTOMER,
        "expected_total_idr": product["price_idr"],
    }
    key = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    order = Request("POST", "/api/orders", headers, json.dumps(body))
    visitor.poll(get(visitor.send(order, answers.accepted)), answers.status_of_json)


def _order_by_form(visitor: Visitor, known: Shop, rng: random.Random) -> None:
    watch = rng.choice(known.watches)
    visitor.send(get(watch.page), answers.product_page)
    chosen = {"action": "add", "product_id": str(watch.product_id), "quantity": "1"}
    visitor.send(post("/cart", chosen), answers.cart_page)
    fields = visitor.send(get("/cart"), answers.order_form)
    if not fields:
        raise SoldOut
    page = visitor.send(post("/orders", {**fields, **_CUSTOMER}), answers.order_page)
    visitor.poll(get(page), answers.status_of_page)


_SCENARIOS: dict[str, Callable[[Visitor, Shop, random.Random], None]] = {
    "browse": _browse,
    "search": _search,
    "read by program": _read_by_program,
    "order by program": _order_by_program,
    "order by form": _order_by_form,
}


def get(path: str) -> Request:
    return Request("GET", path)


def post(path: str, fields: dict[str, str]) -> Request:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Request("POST", path, headers, urlencode(fields))
