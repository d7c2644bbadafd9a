"""The order form: read with suspicion, checked with patience, one order however often sent."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.orders import OrderLine
from services.frontend.checkout import (
    CheckoutCookie,
    FormNotReadable,
    key_for,
    read_customer,
    read_order_form,
    start_checkout,
)
from services.frontend.cookie import CookieStyle

FORM = {
    "lines": "17x2-5x1",
    "expected_total_idr": "15000000",
    "key": "5f0c6b8e-5f5e-4d0f-9f0e-000000000001",
    "token": "t",
    "name": " Sari ",
    "email": "sari@example.com",
    "address": "Jl. Merdeka 1\r\nBandung",
}
LINES = (OrderLine(product_id=17, quantity=2), OrderLine(product_id=5, quantity=1))


def test_the_form_becomes_the_order_that_its_page_showed() -> None:
    form = read_order_form(FORM)
    customer, errors = read_customer(form.typed)
    assert errors == {}
    assert customer is not None
    order = form.order(customer)
    assert order.items == LINES
    assert order.expected_total_idr == 15_000_000
    assert order.customer.name == "Sari"
    assert order.customer.address == "Jl. Merdeka 1\nBandung"
    assert form.lines_text == FORM["lines"]


@pytest.mark.parametrize("name", ["lines", "expected_total_idr", "key"])
@pytest.mark.parametrize("value", [None, "", "x" * 5000, "1x1\x00", "é"])
def test_a_damaged_hidden_field_is_refused(name: str, value: str | None) -> None:
    form = {key: text for key, text in FORM.items() if key != name}
    if value is not None:
        form[name] = value
    with pytest.raises(FormNotReadable) as refusal:
        read_order_form(form)
    assert refusal.value.status == 400


def test_a_total_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(FormNotReadable):
        read_order_form({**FORM, "expected_total_idr": "9" * 16})


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("name", "", "name_required"),
        ("name", " \t ", "name_required"),
        ("name", "x" * 101, "name_too_long"),
        ("name", "a\nb", "name_characters"),
        ("name", "a\x00b", "name_characters"),
        ("email", "", "email_required"),
        ("email", "sari", "email_characters"),
        ("email", "sari@example", "email_characters"),
        ("email", "a b@example.com", "email_characters"),
        ("email", "x" * 250 + "@example.com", "email_too_long"),
        ("address", "\n", "address_required"),
        ("address", "x" * 501, "address_too_long"),
        ("address", "a\x1bb", "address_characters"),
    ],
)
def test_each_wrong_field_is_named_with_its_reason(field: str, value: str, error: str) -> None:
    form = read_order_form({**FORM, field: value})
    customer, errors = read_customer(form.typed)
    assert customer is None
    assert errors == {field: error}
    assert form.typed[field] == value


def test_all_wrong_fields_are_named_at_once_in_their_order() -> None:
    customer, errors = read_customer({})
    assert customer is None
    assert list(errors) == ["name", "email", "address"]


@given(st.dictionaries(st.sampled_from(sorted(FORM)), st.text()))
def test_no_form_makes_it_fail_otherwise(fields: dict[str, str]) -> None:
    try:
        form = read_order_form({**FORM, **fields})
    except FormNotReadable:
        return
    customer, errors = read_customer(form.typed)
    assert (customer is None) == bool(errors)
    if customer:
        form.order(customer)


def test_a_cart_shown_again_has_the_same_key() -> None:
    checkout = start_checkout()
    assert key_for(checkout, LINES) == key_for(checkout, LINES)


def test_another_cart_guest_or_checkout_has_another_key() -> None:
    checkout = start_checkout()
    assert key_for(checkout, LINES) != key_for(checkout, LINES[:1])
    assert key_for(checkout, LINES) != key_for(start_checkout(), LINES)


def cookies(value: str) -> list[tuple[bytes, bytes]]:
    return [(b"cookie", value.split(";")[0].encode())]


def test_the_checkout_comes_back_in_its_cookie_to_its_guest() -> None:
    cookie, checkout, guest = CheckoutCookie(("s" * 40,), CookieStyle()), start_checkout(), uuid4()
    written = cookies(cookie.write(checkout, guest))
    assert cookie.read(written, guest) == checkout
    assert cookie.read(written, uuid4()) is None
    assert cookie.read(cookies(cookie.remove()), guest) is None


@given(st.text("0123456789abcdef-.", max_size=200))
def test_any_other_cookie_starts_a_new_checkout(text: str) -> None:
    cookie = CheckoutCookie(("s" * 40,), CookieStyle())
    assert cookie.read(cookies(f"arloji_checkout={text}"), uuid4()) is None
