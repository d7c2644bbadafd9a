"""The order form: what it carries, what is wrong in it, and the key that makes it one order."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from pydantic import ValidationError

from contracts.orders import MAX_TOTAL_IDR, Customer, OrderLine, OrderRequest
from servicekit.problems import BadRequest
from services.frontend.cart import LinesNotReadable, read_lines, write_lines
from services.frontend.order_summary import Summary

FIELDS = ("name", "email", "address")
_KEY = re.compile(r"[\x20-\x7e]{1,255}", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,16}", re.ASCII)
# Kinds of pydantic's errors → the ending of the text that explains them.
_KINDS = {
    "missing": "required",
    "string_too_short": "required",
    "string_too_long": "too_long",
}


class FormNotReadable(BadRequest):
    """A hidden field of the order form is missing or damaged: no page of ours sent it."""

    slug, title = "form-not-readable", "The form cannot be read"


@dataclass(frozen=True)
class OrderForm:
    """An order form as it was shown, or as it came back; the customer's part as typed. The
    prices are those of the lines, as far as the page knew them."""

    lines: tuple[OrderLine, ...]
    prices_idr: tuple[int, ...]
    expected_total_idr: int
    key: str
    token: str
    typed: Mapping[str, str]

    @property
    def lines_text(self) -> str:
        return write_lines(self.lines)

    @property
    def prices_text(self) -> str:
        return "-".join(map(str, self.prices_idr))

    @property
    def prices_by_product(self) -> dict[int, int]:
        pairs = zip(self.lines, self.prices_idr, strict=False)
        return {line.product_id: price for line, price in pairs}

    def receipt(self, order_id: UUID) -> dict[str, Any]:
        """What the order's page shows of it that the API does not tell."""
        return {
            "order_id": str(order_id),
            "sent_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "lines": self.lines_text,
            "total_idr": self.expected_total_idr,
            "prices_idr": {str(key): price for key, price in self.prices_by_product.items()},
            "customer": dict(self.typed),
        }

    def order(self, customer: Customer) -> OrderRequest:
        return OrderRequest(
            items=self.lines, customer=customer, expected_total_idr=self.expected_total_idr
        )


def new_order_form(
    summary: Summary, *, checkout: UUID, token: str, typed: Mapping[str, str]
) -> OrderForm:
    """A form for what the page shows."""
    return OrderForm(
        lines=summary.order_lines,
        prices_idr=tuple(summary.prices_by_product.values()),
        expected_total_idr=summary.total_idr,
        key=key_for(checkout, summary.order_lines),
        token=token,
        typed=typed,
    )


def read_order_form(form: Mapping[str, str]) -> OrderForm:
    """Raises `FormNotReadable` for what no form of ours contains."""
    key, total = form.get("key", ""), form.get("expected_total_idr", "")
    try:
        lines = read_lines(form.get("lines", ""))
    except LinesNotReadable as error:
        raise FormNotReadable("The lines of the order cannot be read.") from error
    if not lines or not _KEY.fullmatch(key) or not _AMOUNT.fullmatch(total):
        raise FormNotReadable("Lines, key or total are missing or damaged.")
    if int(total) > MAX_TOTAL_IDR:
        raise FormNotReadable("The total is out of bounds.")
    return OrderForm(
        lines=lines,
        prices_idr=_read_prices(form.get("prices", ""), len(lines)),
        expected_total_idr=int(total),
        key=key,
        token=form.get("token", ""),
        typed=typed_fields(form),
    )


def typed_fields(form: Mapping[str, str]) -> dict[str, str]:
    """The customer's part, as it stands in a page's fields."""
    # Browsers send the lines of a text area with CR LF (HTML, form submission).
    return {name: form.get(name, "").replace("\r\n", "\n") for name in FIELDS}


def _read_prices(text: str, count: int) -> tuple[int, ...]:
    """They only help to explain an order later; none are better than wrong ones."""
    prices = text.split("-")
    readable = len(prices) == count and all(map(_AMOUNT.fullmatch, prices))
    return tuple(map(int, prices)) if readable else ()


def read_customer(typed: Mapping[str, str]) -> tuple[Customer | None, dict[str, str]]:
    """The customer, or for each wrong field the key of the text that says why."""
    try:
        return Customer(**{name: typed.get(name, "") for name in FIELDS}), {}
    except ValidationError as error:
        errors: dict[str, str] = {}
        for one in error.errors():
            name = str(one["loc"][0])
            kind = _KINDS.get(one["type"], "characters")
            if not typed.get(name, "").strip():
                kind = "required"
            errors.setdefault(name, f"{name}_{kind}")
        return None, {name: errors[name] for name in FIELDS if name in errors}


def start_checkout() -> UUID:
    return uuid4()


def key_for(checkout: UUID, lines: Iterable[OrderLine]) -> str:
    """The idempotency key of a form: the same however often the cart is shown, so that an
    order whose answer was lost is not made twice; another one as soon as the cart differs."""
    return str(uuid5(checkout, write_lines(lines)))
