"""What the consumer makes of an entry, however broken."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.orders import MAX_LINES, DeadLetterReason, OrderReason, PendingOrder
from services.consumer.messages import (
    MessageRefused,
    PartialOrder,
    parse_order,
    parse_partial_order,
    read_message,
)

ORDER_ID = "5d0e2e58-3c7d-5a3c-9f4e-0d5d6a1c2b3f"
GUEST_ID = "00000000-0000-4000-8000-000000000007"
ENTRY_ID = "1767225600000-0"
SARI = {"name": "Sari", "email": "sari@example.com", "address": "Jl. Merdeka 1"}
VALID: dict[str, Any] = {
    "order_id": ORDER_ID,
    "guest_id": GUEST_ID,
    "fingerprint": "a" * 64,
    "items": [{"product_id": 1, "quantity": 2}],
    "customer": SARI,
    "expected_total_idr": None,
    "accepted_at": "2026-01-02T03:04:05.678900Z",
}
INVALID, UNKNOWN = DeadLetterReason.INVALID, DeadLetterReason.UNKNOWN_SCHEMA
SCHEMAS = {
    **dict.fromkeys((b"2", b"0", b"01", b"9" * 5000), UNKNOWN),
    **dict.fromkeys((b"", b"one", b"-1", b"\xff", "¹".encode()), INVALID),
}
# What no publisher sends.
CHANGES: list[dict[str, Any]] = [
    {"items": []},
    {"items": [{"product_id": 1, "quantity": 1}, {"product_id": 1, "quantity": 1}]},
    {"items": [{"product_id": 1, "quantity": True}]},
    {"items": [{"product_id": 1, "quantity": 100}]},
    {"items": [{"product_id": 2**63, "quantity": 1}]},
    {"fingerprint": "short"},
    {"order_id": "no id"},
    {"customer": SARI | {"name": "S\u0000ari"}},
    {"customer": SARI | {"name": "\ud800"}},
    {"customer": None},
    {"expected_total_idr": -1},
    *(
        {"accepted_at": moment}
        for moment in (
            *("yesterday", "2026-01-02T03:04:05", "0001-01-01T00:00:00+14:00"),
            *("9999-12-31T23:59:59-14:00", "0900-01-01T00:00:00Z"),
        )
    ),
]
NO_ORDERS = (b"", b"poison", b"[]", b"null", b"\xff", b"[" * 5000, b'{"order_id":"\\ud800"}')


def entry(order: Any = VALID, schema: bytes = b"1") -> dict[bytes, bytes]:
    text = order if isinstance(order, bytes) else json.dumps(order).encode()
    return {b"schema": schema, b"order": text, b"traceparent": b""}


def partial(**changes: Any) -> PartialOrder:
    order = parse_partial_order(ENTRY_ID, entry(VALID | changes))
    assert order is not None
    return order


def test_a_valid_entry_is_an_order() -> None:
    message = read_message(entry())
    assert (str(message.order_id), str(message.guest_id)) == (ORDER_ID, GUEST_ID)
    assert message.accepted_at == datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)


@pytest.mark.parametrize("name", ["\u3164", "Sa\u200bri"], ids=["unseen", "partly unseen"])
def test_what_another_version_accepted_stays_as_it_was(name: str) -> None:
    order = VALID | {"customer": SARI | {"name": name}, "gift_wrap": True}
    assert read_message(entry(order)).customer.name == name


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        *((entry(schema=schema), reason) for schema, reason in SCHEMAS.items()),
        *((entry(VALID | change), INVALID) for change in CHANGES),
        *((entry(text), INVALID) for text in NO_ORDERS),
        *(({}, INVALID), ({b"schema": b"1"}, INVALID)),
    ],
    ids=lambda value: repr(value)[:60] if isinstance(value, dict) else None,
)
def test_what_is_no_order_is_refused_and_never_quoted(
    fields: dict[bytes, bytes], reason: DeadLetterReason
) -> None:
    with pytest.raises(MessageRefused) as refused:
        read_message(fields)
    assert refused.value.reason is reason
    if fields.get(b"order", b"") in NO_ORDERS:
        assert parse_partial_order(ENTRY_ID, fields) is None
    assert "Sari" not in str(refused.value)


@given(st.dictionaries(st.binary(max_size=8) | st.just(b"order"), st.binary(max_size=200)))
def test_no_entry_raises_anything_else(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(MessageRefused):
        parse_order(fields)
    parse_partial_order(ENTRY_ID, fields)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(VALID)), json_values)
def test_what_can_be_read_of_an_order_with_one_broken_field_can_be_shown(
    broken: str, value: Any
) -> None:
    order = parse_partial_order(ENTRY_ID, entry(VALID | {broken: value}))
    if broken in {"order_id", "guest_id"}:
        return
    assert order is not None
    held = order.set_pending(OrderReason.HELD)
    if broken == "items" and held is None:
        return
    assert held is not None
    assert held.value is not None
    assert PendingOrder.model_validate_json(held.value).reason is OrderReason.HELD
    assert (held.key, held.field) == (f"pending:{GUEST_ID}", ORDER_ID)


def test_lines_that_can_be_read_are_shown_and_others_left_out() -> None:
    items = [{"product_id": n % 60 + 1, "quantity": 1 + n} for n in range(70)]
    pending = partial(items=[5, {"product_id": 1, "quantity": "x"}, *items]).pending
    assert pending is not None
    # Each product once, and no more than an order may have.
    assert [line.product_id for line in pending.items] == list(range(1, MAX_LINES + 1))
    assert pending.items[0].quantity == 1


@pytest.mark.parametrize("lost", ["yesterday", "0900-01-01T00:00:00Z", "2026-01-02T03:04:05"])
def test_a_lost_time_of_acceptance_is_that_of_the_entry(lost: str) -> None:
    """So is one that no database could keep."""
    pending = partial(accepted_at=lost).pending
    assert pending is not None
    assert pending.accepted_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_without_a_readable_line_the_hash_is_left_as_it_is() -> None:
    order = partial(items="none")
    assert order.set_pending(OrderReason.HELD) is None
    assert order.clear_pending().value is None
