"""The cart in its cookie: what it holds, and that nobody but the shop can write it."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.orders import MAX_LINES, MAX_PRODUCT_ID, MAX_QUANTITY, OrderLine
from services.frontend.cart import (
    Cart,
    CartCookie,
    CartFull,
    LinesNotReadable,
    QuantityOutOfBounds,
    read_lines,
    write_lines,
)
from services.frontend.cart_form import fill_again
from services.frontend.cookie import CookieStyle

OLD, NEW = "o" * 40, "n" * 40
COOKIE = CartCookie((NEW,), CookieStyle())
GUEST = UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c11")

order_lines = st.lists(
    st.builds(
        OrderLine,
        product_id=st.integers(1, MAX_PRODUCT_ID),
        quantity=st.integers(1, MAX_QUANTITY),
    ),
    max_size=MAX_LINES,
    unique_by=lambda line: line.product_id,
)


def brought(*set_cookies: str) -> list[tuple[bytes, bytes]]:
    """The header of a request after these were set."""
    pairs = "; ".join(value.split(";")[0] for value in set_cookies)
    return [(b"cookie", pairs.encode("latin-1"))]


def keep(cart: Cart, cookie: CartCookie = COOKIE) -> list[tuple[bytes, bytes]]:
    return brought(cookie.write(cart, GUEST))


def line(product_id: int, quantity: int = 1) -> OrderLine:
    return OrderLine(product_id=product_id, quantity=quantity)


@given(order_lines)
def test_lines_survive_being_written_and_read(lines: list[OrderLine]) -> None:
    assert read_lines(write_lines(lines)) == tuple(lines)


@given(order_lines)
def test_a_cart_survives_its_cookie(lines: list[OrderLine]) -> None:
    cart = Cart(tuple(lines))
    assert COOKIE.read(keep(cart), GUEST) == cart


@given(st.text())
def test_any_other_text_is_refused_or_reads_as_written(text: str) -> None:
    try:
        lines = read_lines(text)
    except LinesNotReadable:
        return
    assert read_lines(write_lines(lines)) == lines


@pytest.mark.parametrize(
    "text",
    [
        *("1", "x", "1x", "x1", "0x1", "1x0", "1x100", "-1x1", "1x1-", "1x1--2x1", "1x1 "),
        *("1x1-1x2", "9223372036854775808x1", "\u0661x1", "1x1\n", "1.0x1", "1e3x1", "+1x1"),
        "-".join(f"{number}x1" for number in range(1, MAX_LINES + 2)),
        "1x1-" * 1000,
    ],
)
def test_damaged_lines_are_refused(text: str) -> None:
    with pytest.raises(LinesNotReadable):
        read_lines(text)


def test_the_largest_cart_fits_into_its_cookie() -> None:
    lines = tuple(line(MAX_PRODUCT_ID - number, MAX_QUANTITY) for number in range(MAX_LINES))
    assert len(COOKIE.write(Cart(lines), GUEST)) < 4096
    assert COOKIE.read(keep(Cart(lines)), GUEST).lines == lines


def test_adding_adds_up_and_keeps_the_order() -> None:
    cart = Cart().add(1, 2).add(2, 1).add(1, 3)
    assert cart.lines == (line(1, 5), line(2, 1))
    assert cart.pieces == 6


def test_changing_sets_the_quantity_where_the_line_is() -> None:
    assert Cart().add(1, 2).add(2, 1).change(1, 7).lines == (line(1, 7), line(2, 1))


def test_removing_what_is_not_there_changes_nothing() -> None:
    assert Cart().add(1, 1).remove(2) == Cart().add(1, 1)
    assert Cart().add(1, 1).remove(1) == Cart()


@pytest.mark.parametrize("quantity", [-1, 0, 100, 10**9])
def test_a_line_holds_one_to_ninety_nine(quantity: int) -> None:
    with pytest.raises(QuantityOutOfBounds):
        Cart().change(1, quantity)
    with pytest.raises(QuantityOutOfBounds):
        Cart().add(1, quantity)


def test_adding_cannot_exceed_the_bound_in_steps() -> None:
    with pytest.raises(QuantityOutOfBounds):
        Cart().add(1, MAX_QUANTITY).add(1, 1)


def test_a_full_cart_takes_more_of_the_same_but_nothing_new() -> None:
    full = Cart(tuple(line(number) for number in range(1, MAX_LINES + 1)))
    assert full.add(1, 1).quantity_of(1) == 2
    with pytest.raises(CartFull):
        full.add(MAX_LINES + 1, 1)


def test_ordered_lines_leave_the_cart_unless_they_changed_since() -> None:
    cart = Cart().add(1, 1).add(2, 5).add(3, 1)
    assert cart.without([line(1, 1), line(2, 4)]).lines == (line(2, 5), line(3, 1))


def test_the_cart_of_another_secret_or_guest_is_empty() -> None:
    cart = Cart((line(1),))
    assert COOKIE.read(keep(cart, CartCookie((OLD,), CookieStyle())), GUEST) == Cart()
    assert COOKIE.read(keep(cart), uuid4()) == Cart()


def test_a_planted_cart_does_not_hide_ones_own() -> None:
    planted, own = COOKIE.write(Cart((line(7),)), uuid4()), COOKIE.write(Cart((line(1),)), GUEST)
    for headers in (brought(planted, own), brought(own, planted)):
        assert COOKIE.read(headers, GUEST).lines == (line(1),)


def test_a_cookie_of_the_previous_secret_is_read_and_signed_anew() -> None:
    before = CartCookie((OLD,), CookieStyle())
    rotated = CartCookie((NEW, OLD), CookieStyle())
    cart = Cart((line(1),))
    assert rotated.read(keep(cart, before), GUEST) == cart
    assert keep(cart, rotated) == keep(cart)


@given(st.data())
def test_no_changed_character_goes_unnoticed(data: st.DataObject) -> None:
    token = keep(Cart((line(1, 2), line(5))))[0][1].decode().partition("=")[2]
    position = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != token[position]))
    forged = token[:position] + other + token[position + 1 :]
    assert COOKIE.read(brought(f"arloji_cart={forged}"), GUEST) == Cart()


@pytest.mark.parametrize("token", ["", ".", "1x1", "1x1.", ".x", "é.é", "1x1." + "a" * 5000])
def test_what_is_no_cart_reads_as_an_empty_one(token: str) -> None:
    assert COOKIE.read(brought(f"arloji_cart={token}"), GUEST) == Cart()


def test_an_empty_cart_takes_its_cookie_away() -> None:
    assert COOKIE.write(Cart(), GUEST).startswith("arloji_cart=; Path=/; Max-Age=0;")
    assert replace(Cart((line(1),)), lines=()) == Cart()


def test_filling_again_takes_nothing_out_and_adds_nothing_twice() -> None:
    cart = Cart().add(9, 1).add(5, 4)
    for _ in range(2):
        cart = fill_again(cart, {"lines": "5x2-9x3-1x1"})
    assert write_lines(cart.lines) == "9x3-5x4-1x1"
