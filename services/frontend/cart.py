"""The cart: lines of product and quantity, kept in a signed cookie and nowhere else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from contracts.orders import MAX_LINES, MAX_QUANTITY, OrderLine, OrderLineView

# Fifty lines with the largest possible ids.
_MAX_TEXT_LENGTH = 1400
_LINE = re.compile(r"([0-9]{1,19})x([0-9]{1,2})", re.ASCII)


class QuantityOutOfBounds(ValueError):
    """A line would hold less than one or more than `MAX_QUANTITY` pieces."""


class CartFull(ValueError):
    """The cart has `MAX_LINES` lines already."""


class LinesNotReadable(ValueError):
    """A text is not what `write_lines` makes."""


def write_lines(lines: Iterable[OrderLine | OrderLineView]) -> str:
    """`17x2-5x1`: fit for a cookie and for a hidden field."""
    return "-".join(f"{line.product_id}x{line.quantity}" for line in lines)


def read_lines(text: str) -> tuple[OrderLine, ...]:
    """Raises `LinesNotReadable` unless it is at most `MAX_LINES` lines of distinct products."""
    if len(text) > _MAX_TEXT_LENGTH:
        raise LinesNotReadable
    found = [_LINE.fullmatch(part) for part in text.split("-")] if text else []
    try:
        lines = tuple(
            OrderLine(product_id=int(match[1]), quantity=int(match[2])) for match in found if match
        )
    except ValidationError as error:
        raise LinesNotReadable from error
    products = {line.product_id for line in lines}
    if len(lines) != len(found) or len(products) != len(lines) or len(lines) > MAX_LINES:
        raise LinesNotReadable
    return lines


@dataclass(frozen=True, slots=True)
class Cart:
    lines: tuple[OrderLine, ...] = ()

    @property
    def pieces(self) -> int:
        return sum(line.quantity for line in self.lines)

    def quantity_of(self, product_id: int) -> int:
        return next((li.quantity for li in self.lines if li.product_id == product_id), 0)

    def add(self, product_id: int, quantity: int) -> "Cart":
        if quantity < 1:
            raise QuantityOutOfBounds
        return self.change(product_id, self.quantity_of(product_id) + quantity)

    def change(self, product_id: int, quantity: int) -> "Cart":
        """Set a line to a quantity, where it is, or as the last one if it is new."""
        if not 1 <= quantity <= MAX_QUANTITY:
            raise QuantityOutOfBounds
        line = OrderLine(product_id=product_id, quantity=quantity)
        if self.quantity_of(product_id):
            return Cart(tuple(line if li.product_id == product_id else li for li in self.lines))
        if len(self.lines) >= MAX_LINES:
            raise CartFull
        return Cart((*self.lines, line))

    def remove(self, product_id: int) -> "Cart":
        return Cart(tuple(line for line in self.lines if line.product_id != product_id))

    def without(self, ordered: Iterable[OrderLine]) -> "Cart":
        """Less the lines that were ordered just as they are here. A line that has changed
        since stays: sending an old form again must not empty a new cart."""
        gone = set(ordered)
        return Cart(tuple(line for line in self.lines if line not in gone))


def encode_cart(cart: Cart) -> str:
    """For its cookie; nothing for an empty cart."""
    return write_lines(cart.lines)


def decode_cart(text: str) -> Cart | None:
    try:
        return Cart(read_lines(text))
    except LinesNotReadable:
        return None
