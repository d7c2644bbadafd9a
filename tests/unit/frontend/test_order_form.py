"""The order form: read with suspicion, checked with patience, one order however often sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.frontend.cart import read_lines
from services.frontend.order_form import (
    FormNotReadable,
    key_for,
    read_customer,
    read_order_form,
    start_checkout,
)

FORM = {
    "lines": "17x2-5x1",
    "expected_total_idr": "15000000",
    "key": "5f0c6b8e-5f5e-4d0f-9f0e-000000000001",
    "token": "t",
    "prices": "7000000-1000000",
    "name": " Sari ",
    "email": "sari@example.com",
    "address": "Jl. Merdeka 1\r\nBandung",
}
LINES = read_lines("17x2-5x1")


def test_the_form_becomes_the_order_that_its_page_showed() -> None:
    form = read_order_form(FORM)
    customer, errors = read_customer(form.typed)
    assert errors == {}
    assert customer is not None
    order = form.order(customer)
    assert (order.items, order.expected_total_idr) == (LINES, 15_000_000)
    assert (order.customer.name, order.customer.address) == ("Sari", "Jl. Merdeka 1\nBandung")
    assert form.lines_text == FORM["lines"]
    assert form.prices_by_product == {17: 7_000_000, 5: 1_000_000}


@pytest.mark.parametrize("prices", ["", "1", "1-2-3", "1-x", "-"])
def test_prices_that_cannot_be_read_are_none(prices: str) -> None:
    assert read_order_form({**FORM, "prices": prices}).prices_idr == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("lines", "expected_total_idr", "key") for value in ("", "é")),
        *((name, "x" * 5000) for name in ("lines", "expected_total_idr", "key")),
        *(("lines", "1x1\x00"), ("key", "k\x00"), ("expected_total_idr", "-1")),
        ("expected_total_idr", "9" * 16),
    ],
)
def test_a_missing_or_damaged_hidden_field_is_refused(name: str, value: str) -> None:
    for form in ({**FORM, name: value}, {key: FORM[key] for key in FORM if key != name}):
        with pytest.raises(FormNotReadable) as refusal:
            read_order_form(form)
        assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        *(("name", value, "required") for value in ("", " \t ")),
        *(("name", value, "characters") for value in ("a\nb", "a\x00b")),
        ("name", "x" * 101, "too_long"),
        ("email", "", "required"),
        *(("email", value, "characters") for value in ("sari", "sari@example", "a b@x.com")),
        ("email", "x" * 250 + "@example.com", "too_long"),
        ("address", "\n", "required"),
        ("address", "x" * 501, "too_long"),
        ("address", "a\x1bb", "characters"),
    ],
)
def test_each_wrong_field_is_named_with_its_reason(field: str, value: str, error: str) -> None:
    form = read_order_form({**FORM, field: value})
    assert read_customer(form.typed) == (None, {field: f"{field}_{error}"})
    assert form.typed[field] == value
    assert list(read_customer({})[1]) == ["name", "email", "address"], "all at once, in order"


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


def test_the_key_follows_from_checkout_and_cart() -> None:
    checkout = start_checkout()
    assert key_for(checkout, LINES) == key_for(checkout, LINES)
    assert key_for(checkout, LINES) != key_for(checkout, LINES[:1])
    assert key_for(checkout, LINES) != key_for(start_checkout(), LINES)
