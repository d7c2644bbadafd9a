"""The cart: lines of product and quantity in a signed cookie; nothing is stored anywhere else."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from itsdangerous import BadSignature
from pydantic import ValidationError

from contracts.orders import MAX_LINES, MAX_QUANTITY, OrderLine
from services.frontend.guest import create_signer

COOKIE_NAME = "arloji_cart"
_MAX_AGE_SECONDS = 30 * 24 * 3600
# Fifty lines with the largest possible ids, and a signature.
_MAX_COOKIE_LENGTH = 1400
_LINE = re.compile(r"([0-9]{1,19})x([0-9]{1,2})", re.ASCII)


class QuantityOutOfBounds(ValueError):
    """A line would hold less than one or more than `MAX_QUANTITY` pieces."""


class CartFull(ValueError):
    """The cart has `MAX_LINES` lines already."""


class LinesNotReadable(ValueError):
    """A text is not what `write_lines` makes."""


def write_lines(lines: Iterable[OrderLine]) -> str:
    """`17x2-5x1`: fit for a cookie and for a hidden field."""
    return "-".join(f"{line.product_id}x{line.quantity}" for line in lines)


def read_lines(text: str) -> tuple[OrderLine, ...]:
    """Raises `LinesNotReadable` unless it is at most `MAX_LINES` lines of distinct products."""
    if len(text) > _MAX_COOKIE_LENGTH:
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


class CartCookie:
    """Reads and writes the cart's cookie."""

    def __init__(self, secrets: Sequence[str], *, secure: bool) -> None:
        self._signer = create_signer(secrets, "cart")
        self._secure = secure

    def read(self, token: str | None) -> Cart:
        """The cart in a cookie; an empty one if there is none or it is not ours."""
        if not token or len(token) > _MAX_COOKIE_LENGTH:
            return Cart()
        try:
            return Cart(read_lines(self._signer.unsign(token.encode("latin-1")).decode()))
        except (BadSignature, ValueError):
            return Cart()

    def set_cookie(self, cart: Cart) -> str:
        """Value of the `Set-Cookie` header; an empty cart takes the cookie away."""
        token = self._signer.sign(write_lines(cart.lines)).decode() if cart.lines else ""
        age = _MAX_AGE_SECONDS if cart.lines else 0
        secure = "; Secure" if self._secure else ""
        return f"{COOKIE_NAME}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"
