"""What the consumer makes of an entry, however broken."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.orders import DeadLetterReason, OrderReason, PendingOrder
from services.consumer.messages import (
    MessageRefused,
    parse_order,
    parse_partial_order,
    read_message,
)

ORDER_ID = "5d0e2e58-3c7d-5a3c-9f4e-0d5d6a1c2b3f"
GUEST_ID = "00000000-0000-4000-8000-000000000007"
ENTRY_ID = "1767225600000-0"
VALID: dict[str, Any] = {
    "order_id": ORDER_ID,
    "guest_id": GUEST_ID,
    "fingerprint": "a" * 64,
    "items": [{"product_id": 1, "quantity": 2}],
    "customer": {"name": "Sari", "email": "sari@example.com", "address": "Jl. Merdeka 1"},
    "expected_total_idr": None,
    "accepted_at": "2026-01-02T03:04:05.678900Z",
}


def entry(order: Any = VALID, schema: bytes = b"1") -> dict[bytes, bytes]:
    text = order if isinstance(order, bytes) else json.dumps(order).encode()
    return {b"schema": schema, b"order": text, b"traceparent": b""}


def refusal(fields: dict[bytes, bytes]) -> DeadLetterReason:
    with pytest.raises(MessageRefused) as refused:
        read_message(fields)
    assert "Sari" not in str(refused.value)
    return refused.value.reason


def test_a_valid_entry_is_an_order() -> None:
    message = read_message(entry())
    assert (message.order_id, message.guest_id) == (UUID(ORDER_ID), UUID(GUEST_ID))
    assert message.accepted_at == datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)


def test_fields_of_a_later_version_are_let_pass() -> None:
    read_message(entry({**VALID, "gift_wrap": True}))


@pytest.mark.parametrize("name", ["\u3164", "Sa\u200bri"], ids=["unseen", "partly unseen"])
def test_what_an_earlier_version_accepted_stays_as_it_was(name: str) -> None:
    message = read_message(entry({**VALID, "customer": {**VALID["customer"], "name": name}}))
    assert message.customer.name == name


@pytest.mark.parametrize("schema", [b"2", b"0", b"01", b"9" * 5000])
def test_another_schema_is_unknown(schema: bytes) -> None:
    assert refusal(entry(schema=schema)) is DeadLetterReason.UNKNOWN_SCHEMA


@pytest.mark.parametrize("schema", [b"", b"one", b"-1", b"\xff", "¹".encode()])
def test_a_schema_that_is_no_number_is_invalid(schema: bytes) -> None:
    assert refusal(entry(schema=schema)) is DeadLetterReason.INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"items": []},
        {"items": [{"product_id": 1, "quantity": 1}, {"product_id": 1, "quantity": 1}]},
        {"items": [{"product_id": 1, "quantity": True}]},
        {"items": [{"product_id": 1, "quantity": 100}]},
        {"items": [{"product_id": 2**63, "quantity": 1}]},
        {"fingerprint": "short"},
        {"order_id": "no id"},
        {"customer": {"name": "S\u0000ari", "email": "a@b.c", "address": "x"}},
        {"customer": None},
        {"expected_total_idr": -1},
        {"accepted_at": "yesterday"},
        {"accepted_at": "2026-01-02T03:04:05"},
        {"accepted_at": "0001-01-01T00:00:00+14:00"},
        {"accepted_at": "9999-12-31T23:59:59-14:00"},
        {"accepted_at": "0900-01-01T00:00:00Z"},
    ],
    ids=str,
)
def test_what_no_publisher_sends_is_invalid(change: dict[str, Any]) -> None:
    assert refusal(entry(VALID | change)) is DeadLetterReason.INVALID


@pytest.mark.parametrize(
    "text", [b"", b"poison", b"[]", b"null", b"\xff", b"[" * 5000, b'{"order_id":"\\ud800"}']
)
def test_what_is_no_order_at_all_is_invalid_and_leaves_no_remains(text: bytes) -> None:
    assert refusal(entry(text)) is DeadLetterReason.INVALID
    assert parse_partial_order(ENTRY_ID, entry(text)) is None


def test_a_lone_surrogate_is_invalid() -> None:
    text = json.dumps(VALID).replace("Sari", "\\ud800").encode()
    assert refusal(entry(text)) is DeadLetterReason.INVALID


def test_missing_fields_are_invalid() -> None:
    assert refusal({}) is DeadLetterReason.INVALID
    assert refusal({b"schema": b"1"}) is DeadLetterReason.INVALID


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
def test_what_remains_of_an_order_with_one_broken_field_can_be_shown(
    broken: str, value: Any
) -> None:
    remains = parse_partial_order(ENTRY_ID, entry(VALID | {broken: value}))
    if broken in {"order_id", "guest_id"}:
        return
    assert remains is not None
    held = remains.set_pending(OrderReason.HELD)
    if broken == "items" and held is None:
        return
    assert held is not None
    assert held.value is not None
    shown = PendingOrder.model_validate_json(held.value)
    assert shown.reason is OrderReason.HELD
    assert (held.key, held.field) == (f"pending:{GUEST_ID}", ORDER_ID)


def test_lines_that_can_be_read_are_shown_and_others_left_out() -> None:
    items = [
        {"product_id": 1, "quantity": 2},
        {"product_id": 1, "quantity": 3},
        {"product_id": 2, "quantity": "x"},
        5,
    ]
    remains = parse_partial_order(ENTRY_ID, entry(VALID | {"items": items}))
    assert remains is not None
    assert remains.pending is not None
    assert [(line.product_id, line.quantity) for line in remains.pending.items] == [(1, 2)]


@pytest.mark.parametrize("lost", ["yesterday", "0900-01-01T00:00:00Z", "2026-01-02T03:04:05"])
def test_a_lost_time_of_acceptance_is_that_of_the_entry(lost: str) -> None:
    """So is one that no database could keep."""
    remains = parse_partial_order(ENTRY_ID, entry(VALID | {"accepted_at": lost}))
    assert remains is not None
    assert remains.pending is not None
    assert remains.pending.accepted_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_without_a_readable_line_the_hash_is_left_as_it_is() -> None:
    remains = parse_partial_order(ENTRY_ID, entry(VALID | {"items": "none"}))
    assert remains is not None
    assert remains.set_pending(OrderReason.HELD) is None
    assert remains.clear_pending().value is None
