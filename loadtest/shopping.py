"""What a guest does during each kind of visit, and how the shop's answers are read.

Nothing here sends anything: a `Visitor` does, at the planned moments.
"""

import html
import json
import random
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import quote_plus, urlencode

T = TypeVar("T")

# A status that stays as it is.
ENDED = ("confirmed", "rejected")
_PRODUCT_LINK = re.compile(r'href="(/products/[a-z0-9-]+)"')
_HIDDEN_FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_STATUS = re.compile(r'class="status status-(\w+)"')
_ORDER_PAGE = re.compile(r"(?:https?://[^/]+)?(/orders/[0-9a-f-]{36})")
_CUSTOMER = {
    "name": "Load Test",
    "email": "load@example.com",
    "address": "Jl. Beban 1, Jakarta",
}


class WrongContent(Exception):
    """An answer of the right kind that does not say what it must."""


class SoldOut(Exception):
    """The guest leaves: what they wanted is gone. Nobody's error."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True)
class Answer:
    status: int
    text: str = ""
    location: str = ""


class Visitor(Protocol):
    """Sends a visit's requests; `read` takes what the visit needs out of an answer, or raises
    WrongContent."""

    def click(self, request: Request, read: Callable[[Answer], T]) -> T:
        """The next planned click."""

    def follow(self, request: Request, read_status: Callable[[Answer], str]) -> None:
        """The last planned click, repeated until the order that was made has ended."""


@dataclass(frozen=True)
class Watch:
    product_id: int
    slug: str
    brand: str
    price_idr: int

    @property
    def page(self) -> str:
        return f"/products/{self.slug}"


class Shop:
    """What guests know before they come: which watches there are."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self.watches = list(watches)
        brands = {watch.brand for watch in watches}
        # A shop finds nothing by the "&" of "Orr & Pell".
        self.words = sorted({word for brand in brands for word in brand.split() if word.isalnum()})
        self.pages = max(1, len(self.watches) // 24)


def shop(visitor: Visitor, kind: str, known: Shop, dice: random.Random) -> None:
    """One whole visit."""
    _VISITS[kind](visitor, known, dice)


def _browse(visitor: Visitor, known: Shop, dice: random.Random) -> None:
    visitor.click(get("/"), product_links)
    links = visitor.click(get(f"/?page={dice.randint(1, known.pages)}"), product_links)
    visitor.click(get(dice.choice(links)), product_page)


def _search(visitor: Visitor, known: Shop, dice: random.Random) -> None:
    words = quote_plus(dice.choice(known.words))
    links = visitor.click(get(f"/?q={words}"), product_links)
    visitor.click(get(dice.choice(links)), product_page)


def _read_by_program(visitor: Visitor, known: Shop, dice: random.Random) -> None:
    sort = dice.choice(("name", "price", "-price", "newest"))
    page = dice.randint(1, known.pages)
    items = visitor.click(get(f"/api/products?sort={sort}&page={page}"), product_list)
    watch = dice.choice(items)
    visitor.click(get(f"/api/products/{watch['product_id']}"), json_with("price_idr"))


def _order_by_program(visitor: Visitor, known: Shop, dice: random.Random) -> None:
    watch = dice.choice(known.watches)
    product = visitor.click(get(f"/api/products/{watch.product_id}"), json_with("price_idr"))
    body = {
        "items": [{"product_id": watch.product_id, "quantity": 1}],
        "customer": _CUSTOMER,
        "expected_total_idr": product["price_idr"],
    }
    key = str(uuid.UUID(int=dice.getrandbits(128), version=4))
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    order = Request("POST", "/api/orders", headers, json.dumps(body))
    visitor.follow(get(visitor.click(order, accepted)), status_of_json)


def _order_by_form(visitor: Visitor, known: Shop, dice: random.Random) -> None:
    watch = dice.choice(known.watches)
    visitor.click(get(watch.page), product_page)
    chosen = {"action": "add", "product_id": str(watch.product_id), "quantity": "1"}
    visitor.click(post("/cart", chosen), cart_page)
    fields = visitor.click(get("/cart"), order_form)
    if not fields:
        raise SoldOut
    page = visitor.click(post("/orders", {**fields, **_CUSTOMER}), order_page)
    visitor.follow(get(page), status_of_page)


_VISITS: dict[str, Callable[[Visitor, Shop, random.Random], None]] = {
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


def product_links(answer: Answer) -> list[str]:
    """Of the watches on a catalogue page."""
    _require_status(answer, 200)
    links = _PRODUCT_LINK.findall(answer.text)
    if not links:
        raise WrongContent("a catalogue page without a watch")
    return list(links)


def product_page(answer: Answer) -> None:
    _require_status(answer, 200)
    if '<article class="product">' not in answer.text:
        raise WrongContent("a product page without a product")


def cart_page(answer: Answer) -> None:
    """Sent on to the cart after a change of it."""
    _require_status(answer, 303)


def order_form(answer: Answer) -> dict[str, str]:
    """The hidden fields of the order form; none if the cart cannot be ordered."""
    _require_status(answer, 200)
    _, found, form = answer.text.partition('action="/orders"')
    if found:
        return {name: html.unescape(value) for name, value in _HIDDEN_FIELD.findall(form)}
    if "line-warning" not in answer.text:
        raise WrongContent("a cart without an order form, and without a reason")
    return {}


def order_page(answer: Answer) -> str:
    """Where the form sends its guest on to."""
    _require_status(answer, 303)
    match = _ORDER_PAGE.fullmatch(answer.location)
    if not match:
        raise WrongContent("an order that leads to no order page")
    return match[1]


def status_of_page(answer: Answer) -> str:
    _require_status(answer, 200)
    match = _STATUS.search(answer.text)
    if not match:
        raise WrongContent("an order page without a status")
    return match[1]


def product_list(answer: Answer) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json_with("items")(answer)["items"]
    if not items or not all("product_id" in item for item in items):
        raise WrongContent("a product list without products")
    return items


def accepted(answer: Answer) -> str:
    """The status URL of an order."""
    url: str = json_with("status_url", status=202)(answer)["status_url"]
    return url


def status_of_json(answer: Answer) -> str:
    status: str = json_with("status")(answer)["status"]
    return status


def json_with(field_name: str, status: int = 200) -> Callable[[Answer], dict[str, Any]]:
    def read(answer: Answer) -> dict[str, Any]:
        _require_status(answer, status)
        try:
            content = json.loads(answer.text)
        except ValueError:
            content = None
        if not isinstance(content, dict) or field_name not in content:
            raise WrongContent(f"JSON without {field_name}")
        return content

    return read


def _require_status(answer: Answer, status: int) -> None:
    if answer.status != status:
        raise WrongContent(f"{answer.status} in place of {status}")


def read_watches(answer: Answer, *, least_stock: int) -> list[Watch]:
    """Those of a product list of which there are enough."""
    return [
        Watch(item["product_id"], item["slug"], item["brand"], item["price_idr"])
        for item in product_list(answer)
        if (item["stock"] or 0) >= least_stock
    ]
