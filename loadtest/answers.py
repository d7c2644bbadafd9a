"""How the shop's answers are read: each function takes what a guest needs out of one, or raises
WrongContent."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_PRODUCT_LINK = re.compile(r'href="(/products/[a-z0-9-]+)"')
_HIDDEN_FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_STATUS = re.compile(r'class="status status-(\w+)"')
_ORDER_PAGE = re.compile(r"(?:https?://[^/]+)?(/orders/[0-9a-f-]{36})")


class WrongContent(Exception):
    """An answer of the right kind that does not say what it must."""


@dataclass(frozen=True)
class Answer:
    status: int
    text: str = ""
    location: str = ""


@dataclass(frozen=True)
class Watch:
    product_id: int
    slug: str
    brand: str
    price_idr: int

    @property
    def page(self) -> str:
        return f"/products/{self.slug}"


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
