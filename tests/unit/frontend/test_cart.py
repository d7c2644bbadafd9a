"""The cart: what it holds, how it is written, and what its forms make of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.orders import MAX_LINES, MAX_PRODUCT_ID, MAX_QUANTITY, OrderLine
from services.frontend.cart import (
    Cart,
    CartFull,
    LinesNotReadable,
    QuantityOutOfBounds,
    read_lines,
    write_lines,
)
from services.frontend.cart_form import fill_again

order_lines = st.lists(
    st.builds(
        OrderLine,
        product_id=st.integers(1, MAX_PRODUCT_ID),
        quantity=st.integers(1, MAX_QUANTITY),
    ),
    max_size=MAX_LINES,
    unique_by=lambda line: line.product_id,
)


def cart_of(text: str) -> Cart:
    return Cart(read_lines(text))


@given(order_lines)
def test_lines_survive_being_written_and_read(lines: list[OrderLine]) -> None:
    assert read_lines(write_lines(lines)) == tuple(lines)


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


def test_what_can_be_done_with_a_cart() -> None:
    cart = Cart().add(1, 2).add(2, 1)
    assert cart.add(1, 3) == cart_of("1x5-2x1"), "adds up, and keeps the order"
    assert cart.add(1, 3).pieces == 6
    assert cart.change(1, 7) == cart_of("1x7-2x1")
    assert cart.remove(3) == cart
    assert cart.remove(1) == cart_of("2x1")
    ordered = read_lines("1x2-2x4")
    assert cart.without(ordered) == cart_of("2x1"), "what has changed since stays"
    for _ in range(2):
        cart = fill_again(cart, {"lines": "2x3-1x1-9x1"})
    assert cart == cart_of("1x2-2x3-9x1"), "takes nothing out and adds nothing twice"


@pytest.mark.parametrize("quantity", [-1, 0, 100, 10**9])
def test_a_line_holds_one_to_ninety_nine(quantity: int) -> None:
    for put in (Cart().change, Cart().add):
        with pytest.raises(QuantityOutOfBounds):
            put(1, quantity)
    with pytest.raises(QuantityOutOfBounds):
        cart_of(f"1x{MAX_QUANTITY}").add(1, 1)


def test_a_full_cart_takes_more_of_the_same_but_nothing_new() -> None:
    full = cart_of("-".join(f"{number}x1" for number in range(1, MAX_LINES + 1)))
    assert full.add(1, 1).quantity_of(1) == 2
    with pytest.raises(CartFull):
        full.add(MAX_LINES + 1, 1)
