"""The cart in its cookie: what it holds, and that nobody but the shop can write it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.orders import MAX_LINES, MAX_PRODUCT_ID, MAX_QUANTITY, OrderLine
from services.frontend.cart import (
    COOKIE_NAME,
    Cart,
    CartCookie,
    CartFull,
    LinesNotReadable,
    QuantityOutOfBounds,
    read_lines,
    write_lines,
)

OLD, NEW = "o" * 40, "n" * 40
COOKIE = CartCookie((NEW,), secure=False)

order_lines = st.lists(
    st.builds(
        OrderLine,
        product_id=st.integers(1, MAX_PRODUCT_ID),
        quantity=st.integers(1, MAX_QUANTITY),
    ),
    max_size=MAX_LINES,
    unique_by=lambda line: line.product_id,
)


def token_of(set_cookie: str) -> str:
    name, _, rest = set_cookie.partition("=")
    assert name == COOKIE_NAME
    return rest.split(";")[0]


def line(product_id: int, quantity: int = 1) -> OrderLine:
    return OrderLine(product_id=product_id, quantity=quantity)


@given(order_lines)
def test_lines_survive_being_written_and_read(lines: list[OrderLine]) -> None:
    assert read_lines(write_lines(lines)) == tuple(lines)


@given(order_lines)
def test_a_cart_survives_its_cookie(lines: list[OrderLine]) -> None:
    cart = Cart(tuple(lines))
    assert COOKIE.read(token_of(COOKIE.set_cookie(cart))) == cart


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
    set_cookie = COOKIE.set_cookie(Cart(lines))
    assert len(set_cookie) < 4096
    assert COOKIE.read(token_of(set_cookie)).lines == lines


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


def test_a_cookie_of_another_secret_or_purpose_is_an_empty_cart() -> None:
    foreign = token_of(CartCookie((OLD,), secure=False).set_cookie(Cart((line(1),))))
    assert COOKIE.read(foreign) == Cart()


def test_a_cookie_of_the_previous_secret_is_read_and_signed_anew() -> None:
    before = CartCookie((OLD,), secure=False)
    rotated = CartCookie((NEW, OLD), secure=False)
    cart = Cart((line(1),))
    assert rotated.read(token_of(before.set_cookie(cart))) == cart
    assert rotated.set_cookie(cart) == COOKIE.set_cookie(cart)


@given(st.data())
def test_no_changed_character_goes_unnoticed(data: st.DataObject) -> None:
    token = token_of(COOKIE.set_cookie(Cart((line(1, 2), line(5)))))
    position = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != token[position]))
    forged = token[:position] + other + token[position + 1 :]
    read = COOKIE.read(forged)
    # The last character of the base64 signature has bits that mean nothing.
    assert read == Cart() or position == len(token) - 1


@pytest.mark.parametrize("token", [None, "", ".", "1x1", "1x1.", ".x", "é.é", "1x1." + "a" * 5000])
def test_what_is_no_cart_reads_as_an_empty_one(token: str | None) -> None:
    assert COOKIE.read(token) == Cart()


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites() -> None:
    plain = COOKIE.set_cookie(Cart((line(1),)))
    assert plain.endswith("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax")
    secure = CartCookie((NEW,), secure=True).set_cookie(Cart((line(1),)))
    assert secure.endswith("; HttpOnly; SameSite=Lax; Secure")


def test_an_empty_cart_takes_its_cookie_away() -> None:
    assert COOKIE.set_cookie(Cart()).startswith(f"{COOKIE_NAME}=; Path=/; Max-Age=0;")
    assert replace(Cart((line(1),)), lines=()) == Cart()
