"""Properties of the order's three forms, and of the names that follow from them."""

import json
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from uuid import NAMESPACE_DNS, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.orders import (
    MAX_LINES,
    MAX_PRODUCT_ID,
    MAX_QUANTITY,
    MAX_TOTAL_IDR,
    Customer,
    OrderLine,
    OrderMessage,
    OrderReason,
    OrderRequest,
    OrderStatus,
    OrderView,
    PendingOrder,
    order_id_for,
)
from contracts.text import shows_something, without_meaning

# What a guest may type: any letter of any script, but no control characters.
typed = st.text(
    st.characters(exclude_categories=("Cc", "Co", "Cs", "Zl", "Zp")), min_size=1, max_size=100
).filter(lambda text: shows_something(text) and not without_meaning(text))
emails = st.sampled_from(["sari@example.com", "a.b+c@toko.co.id"])
quantities = st.integers(1, MAX_QUANTITY)
lines = st.lists(
    st.builds(OrderLine, product_id=st.integers(1, MAX_PRODUCT_ID), quantity=quantities),
    min_size=1,
    max_size=MAX_LINES,
    unique_by=lambda line: line.product_id,
).map(tuple)
requests = st.builds(
    OrderRequest,
    items=lines,
    customer=st.builds(Customer, name=typed, email=emails, address=typed),
    expected_total_idr=st.none() | st.integers(0, MAX_TOTAL_IDR),
)
times = st.datetimes(
    min_value=datetime(1971, 1, 1),
    max_value=datetime(9998, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=7)), timezone(timedelta(hours=-11))]),
)
messages = st.builds(
    lambda request, guest_id, key, accepted_at: OrderMessage(
        order_id=order_id_for(guest_id, key),
        guest_id=guest_id,
        fingerprint=request.fingerprint(),
        accepted_at=accepted_at,
        **{name: getattr(request, name) for name in ("items", "customer", "expected_total_idr")},
    ),
    *(requests, st.uuids(), typed, times),
)


@given(messages)
def test_a_message_comes_out_of_the_stream_as_it_went_in(message: OrderMessage) -> None:
    again = OrderMessage.model_validate_json(message.model_dump_json())
    assert again == message
    assert again.model_dump_json() == message.model_dump_json()


@given(messages)
def test_a_pending_order_is_shown_as_it_was_accepted(message: OrderMessage) -> None:
    pending = PendingOrder(
        reason=OrderReason.HELD, items=message.items, accepted_at=message.accepted_at
    )
    later_version = {**pending.model_dump(mode="json"), "gift_wrap": True}
    read = PendingOrder.model_validate_json(json.dumps(later_version))
    view = OrderView.from_pending(str(message.order_id), read)
    assert view.order_id == message.order_id
    assert (view.status, view.reason) == (OrderStatus.ACCEPTED, OrderReason.HELD)
    assert (view.created_at, view.total_idr) == (message.accepted_at, None)
    assert [(line.product_id, line.quantity, line.unit_price_idr) for line in view.items] == [
        (line.product_id, line.quantity, None) for line in message.items
    ]


def test_a_time_is_written_in_utc_with_microseconds() -> None:
    noon = datetime(2026, 1, 2, 12, tzinfo=timezone(timedelta(hours=7)))
    written = OrderView.from_pending(
        str(UUID(int=1)), PendingOrder(items=({"product_id": 1, "quantity": 1},), accepted_at=noon)
    ).model_dump(mode="json")
    assert written["created_at"] == "2026-01-02T05:00:00.000000Z"


@given(requests, st.randoms(use_true_random=False))
def test_the_fingerprint_ignores_the_order_of_lines_and_fields(
    request: OrderRequest, random: Random
) -> None:
    body = json.loads(request.model_dump_json())
    random.shuffle(body["items"])
    fields = list(body.items())
    random.shuffle(fields)
    body = dict(fields)
    if body["expected_total_idr"] is None:
        del body["expected_total_idr"]  # absent and null are the same
    assert OrderRequest.model_validate(body).fingerprint() == request.fingerprint()


@given(requests)
def test_the_fingerprint_tells_other_orders_apart(request: OrderRequest) -> None:
    first, *rest = request.items
    more = first.model_copy(update={"quantity": first.quantity % MAX_QUANTITY + 1})
    for changed in (
        {"items": (more, *rest)},
        {"customer": request.customer.model_copy(update={"email": "other@example.com"})},
        {"expected_total_idr": (request.expected_total_idr or 0) + 1},
    ):
        assert request.model_copy(update=changed).fingerprint() != request.fingerprint()


def test_the_fingerprint_of_an_order_is_the_same_in_every_version() -> None:
    """It is stored: computed otherwise, a repetition would be taken for a reused key. This one is
    `sha256sum` of the canonical JSON, written by hand."""
    body = {
        "items": [{"product_id": 2, "quantity": 1}, {"product_id": 1, "quantity": 3}],
        "customer": {"name": "Sári", "email": "sari@example.com", "address": "Jl. Merdeka 1"},
    }
    expected = "aa2c0ffa715edf289bf566bf58a4333cd869e2d477aeedd59ecb39494ed0721d"
    assert OrderRequest.model_validate(body).fingerprint() == expected


@given(st.uuids(), st.uuids(), typed, typed)
def test_an_order_id_follows_from_guest_and_key(
    guest: UUID, other_guest: UUID, key: str, other_key: str
) -> None:
    assert order_id_for(guest, key) == order_id_for(guest, key)
    assert order_id_for(guest, key).version == 5
    assert (order_id_for(guest, key) == order_id_for(other_guest, key)) == (guest == other_guest)
    assert (order_id_for(guest, key) == order_id_for(guest, other_key)) == (key == other_key)


def test_an_order_id_is_the_same_in_every_version_and_tells_capitals_apart() -> None:
    """The example of RFC 9562, appendix A.4."""
    id_of_example = UUID("2ed6657d-e927-568b-95e1-2665a8aea6a2")
    assert order_id_for(NAMESPACE_DNS, "www.example.com") == id_of_example
    assert order_id_for(NAMESPACE_DNS, "WWW.example.com") != id_of_example


@pytest.mark.parametrize("quantity", [0, -1, MAX_QUANTITY + 1, True, "1", 1.0, None])
def test_a_quantity_is_a_whole_number_within_the_bounds_of_the_contract(quantity: object) -> None:
    assert (MAX_LINES, MAX_QUANTITY) == (50, 99)
    with pytest.raises(ValidationError):
        OrderLine.model_validate({"product_id": 1, "quantity": quantity})
