"""What the forms of the cart ask for: lines as they were typed, and the button pressed."""

import re
from collections.abc import Collection, Iterable, Mapping

from contracts.orders import MAX_PRODUCT_ID, MAX_QUANTITY, OrderLine
from services.frontend.cart import Cart, LinesNotReadable, QuantityOutOfBounds, read_lines

_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
_QUANTITY = re.compile(r"quantity-([0-9]{1,19})", re.ASCII)
# The buttons of the cart's page. Each sends all of the page, so that none loses what is typed
# beside another.
_BUTTONS = frozenset({"update", "remove", "reduce", "language"})


class ChangeNotReadable(ValueError):
    """A form asks for a change of the cart that does not exist."""


def read_number(text: str) -> int:
    """Zero for what is none."""
    return int(text) if _NUMBER.fullmatch(text.strip()) else 0


def read_quantity(text: str) -> int:
    """Raises `QuantityOutOfBounds` for what is no number; `Cart` knows the bounds."""
    if not _NUMBER.fullmatch(text.strip()):
        raise QuantityOutOfBounds
    return int(text)


def typed_quantities(form: Mapping[str, str]) -> dict[int, str]:
    """By product, as they stand in the fields of the page."""
    found = ((_QUANTITY.fullmatch(name), text.strip()) for name, text in form.items())
    return {int(match[1]): text for match, text in found if match}


def wrong_quantities(form: Mapping[str, str]) -> set[int]:
    """The products whose typed quantity is none that a line can have."""
    typed = typed_quantities(form).items()
    return {number for number, text in typed if not 1 <= read_number(text) <= MAX_QUANTITY}


def change_page(cart: Cart, form: Mapping[str, str]) -> Cart:
    """The cart as its page was sent by one of its buttons. A line that has left it since stays
    away. Raises `ChangeNotReadable` or `QuantityOutOfBounds`."""
    if not _BUTTONS & form.keys():
        raise ChangeNotReadable
    cart = cart.remove(read_number(form.get("remove", "")))
    reduced = read_shown_lines(form.get("reduce", ""))
    cart = _take_typed(cart, form, cart.lines, besides=reduced)
    for line in reduced:
        cart = cart.change(line.product_id, line.quantity)
    return cart


def show_again(cart: Cart, form: Mapping[str, str], shown: Iterable[OrderLine]) -> Cart:
    """The cart with the lines that the order form showed, as typed, also if they have left it
    since. Raises `QuantityOutOfBounds` or `CartFull`."""
    return _take_typed(cart, form, shown)


def _take_typed(
    cart: Cart,
    form: Mapping[str, str],
    lines: Iterable[OrderLine],
    besides: Collection[OrderLine] = (),
) -> Cart:
    typed = typed_quantities(form)
    left_alone = {line.product_id for line in besides}
    for line in lines:
        if line.product_id in typed.keys() - left_alone:
            cart = cart.change(line.product_id, read_quantity(typed[line.product_id]))
    return cart


def fill_again(cart: Cart, form: Mapping[str, str]) -> Cart:
    """The cart with the lines of an order; pressing twice adds nothing.
    Raises `ChangeNotReadable` or `CartFull`."""
    for line in read_shown_lines(form.get("lines", "")):
        cart = cart.change(line.product_id, max(line.quantity, cart.quantity_of(line.product_id)))
    return cart


def read_shown_lines(text: str) -> tuple[OrderLine, ...]:
    """What a page of ours wrote into a form. Raises `ChangeNotReadable`."""
    try:
        return read_lines(text)
    except LinesNotReadable as error:
        raise ChangeNotReadable from error


def differs(form: Mapping[str, str], lines: Iterable[OrderLine]) -> bool:
    """A quantity on the page is another than the one in the order that the page shows."""
    typed = typed_quantities(form)
    return any(typed.get(line.product_id) not in {None, str(line.quantity)} for line in lines)


def read_added(form: Mapping[str, str]) -> int:
    """The product that is put into the cart. Raises `ChangeNotReadable`."""
    product_id = read_number(form.get("product_id", ""))
    if not 1 <= product_id <= MAX_PRODUCT_ID:
        raise ChangeNotReadable
    return product_id
