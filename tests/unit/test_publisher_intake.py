"""What counts as an order, and the status of each refusal."""

import json
import uuid
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from servicekit.problems import Problem, problem_body
from services.publisher.intake import MAX_BODY_BYTES, IncomingOrder, read_order

GUEST = str(uuid.UUID(int=7))
ORDER: dict[str, Any] = {
    "items": [{"product_id": 1, "quantity": 2}],
    "customer": {"name": "Sari", "email": "sari@example.com", "address": "Jl. Merdeka 1"},
}
HEADERS = (
    ("x-arloji-guest", GUEST),
    ("idempotency-key", "a key"),
    ("content-type", "application/json"),
)


def text(order: object) -> bytes:
    return json.dumps(order).encode()


def without(name: str, *instead: str) -> list[tuple[str, str]]:
    kept = [header for header in HEADERS if header[0] != name]
    return kept + [(name, value) for value in instead]


async def read(
    *chunks: bytes, headers: Iterable[tuple[str, str]] = HEADERS, leave: bool = False
) -> IncomingOrder:
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]
    messages.append({"type": "http.disconnect"} if leave else {"type": "http.request", "body": b""})

    async def receive() -> Message:
        return messages.pop(0)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/orders",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    return await read_order(Request(scope, receive))


async def refusal(*chunks: bytes, **options: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        await read(*chunks, **options)
    return caught.value


def changed(**changes: object) -> dict[str, Any]:
    return {**ORDER, **changes}


def lines(*quantities: object) -> list[dict[str, object]]:
    return [{"product_id": n, "quantity": q} for n, q in enumerate(quantities, start=1)]


async def test_an_order_is_read_as_it_was_sent() -> None:
    incoming = await read(text(ORDER))
    assert incoming.guest_id == uuid.UUID(GUEST)
    assert incoming.idempotency_key == "a key"
    assert incoming.request.model_dump(mode="json") == {**ORDER, "expected_total_idr": None}


@pytest.mark.parametrize("value", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_carry_parameters(value: str) -> None:
    await read(text(ORDER), headers=without("content-type", value))


@pytest.mark.parametrize("key", ["x", " ~", "k" * 255, "idem:*\\x", "{}[]\"'"])
async def test_any_printable_key_is_one(key: str) -> None:
    incoming = await read(text(ORDER), headers=without("idempotency-key", key))
    assert incoming.idempotency_key == key.strip()


@pytest.mark.parametrize("values", [(), ("",), (" ",), ("k" * 256,), ("a\tb",), ("é",), ("a", "a")])
async def test_a_missing_or_odd_key_is_400(values: tuple[str, ...]) -> None:
    problem = await refusal(text(ORDER), headers=without("idempotency-key", *values))
    assert problem.status == 400
    assert "Idempotency-Key" in problem.detail


@pytest.mark.parametrize("values", [(), ("",), ("x",), (GUEST.replace("-", ""),), (GUEST, GUEST)])
async def test_no_guest_is_401(values: tuple[str, ...]) -> None:
    problem = await refusal(text(ORDER), headers=without("x-arloji-guest", *values))
    assert (problem.status, problem.slug) == (401, "guest-required")


@pytest.mark.parametrize(
    "values", [(), ("text/plain",), ("application/jsonp",), ("application/json", "text/plain")]
)
async def test_anything_but_json_is_415(values: tuple[str, ...]) -> None:
    problem = await refusal(text(ORDER), headers=without("content-type", *values))
    assert problem.status == 415


async def test_a_compressed_body_is_415() -> None:
    problem = await refusal(text(ORDER), headers=[*HEADERS, ("content-encoding", "gzip")])
    assert problem.status == 415


async def test_a_body_of_the_limit_is_read_and_one_byte_more_is_413() -> None:
    body = text(ORDER)
    padded = body + b" " * (MAX_BODY_BYTES - len(body))
    await read(padded)
    await read(padded[:100], padded[100:])
    assert (await refusal(padded + b" ")).status == 413
    assert (await refusal(padded, b" ")).status == 413


async def test_a_stated_length_over_the_limit_is_413_before_the_body_is_read() -> None:
    headers = [*HEADERS, ("content-length", str(MAX_BODY_BYTES + 1))]
    assert (await refusal(text(ORDER), headers=headers, leave=True)).status == 413


async def test_a_client_that_leaves_mid_body_ordered_nothing() -> None:
    assert (await refusal(text(ORDER), leave=True)).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'items': []}",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b'{"items": NaN}',
        b'{"items": -Infinity}',
        b'{"items": 1' + b"0" * 5000 + b"}",
        b"[" * 30_000 + b"]" * 30_000,
        b'{"a":' * 10_000,
        text(ORDER).replace(b'"quantity": 2', b'"quantity": 2, "quantity": 3'),
        text(ORDER) + text(ORDER),
    ],
    ids=range(12),
)
async def test_what_is_not_json_is_400(body: bytes) -> None:
    assert (await refusal(body)).status == 400


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ([], ""),
        (None, ""),
        ("order", ""),
        (changed(items=[]), "items"),
        (changed(items=lines(0)), "items.0.quantity"),
        (changed(items=lines(1, 100)), "items.1.quantity"),
        (changed(items=lines(True)), "items.0.quantity"),
        (changed(items=lines("2")), "items.0.quantity"),
        (changed(items=lines(2.0)), "items.0.quantity"),
        (changed(items=lines(None)), "items.0.quantity"),
        (changed(items=lines(10**4000)), "items.0.quantity"),
        (changed(items=lines(*[1] * 51)), "items"),
        (changed(items=[*lines(1), *lines(1)]), "items"),
        (changed(items=[{"product_id": 2**63, "quantity": 1}]), "items.0.product_id"),
        (changed(items=[{"product_id": "1", "quantity": 1}]), "items.0.product_id"),
        (changed(items=[{"product_id": 1, "quantity": 1, "price": 1}]), "items.0.price"),
        (changed(coupon="x"), "coupon"),
        (changed(customer={"name": "a"}), "customer.email"),
        (changed(customer={**ORDER["customer"], "name": "\ud800"}), "customer.name"),
        (changed(customer={**ORDER["customer"], "name": "a\0"}), "customer.name"),
        (changed(customer={**ORDER["customer"], "email": "no address"}), "customer.email"),
        (changed(expected_total_idr=-1), "expected_total_idr"),
        (changed(expected_total_idr="5"), "expected_total_idr"),
        (changed(expected_total_idr=True), "expected_total_idr"),
    ],
    ids=range(24),
)
async def test_what_does_not_fit_is_422_and_names_the_field(order: object, field: str) -> None:
    problem = await refusal(text(order))
    assert problem.status == 422
    assert field in [error["field"] for error in problem.errors]
    assert "Sari" not in str(problem.errors)


@pytest.mark.parametrize(
    ("order", "errors"),
    [
        ([], {"": "must be an object"}),
        (changed(items=[]), {"items": "must not be empty"}),
        (changed(items={}), {"items": "must be an array"}),
        (changed(items=[[]]), {"items.0": "must be an object"}),
        (changed(items=lines(True)), {"items.0.quantity": "must be a whole number"}),
        (changed(items=lines(0)), {"items.0.quantity": "must be at least 1"}),
        (
            changed(items=[{"product_id": "1", "quantity": 100}]),
            {
                "items.0.product_id": "must be a whole number",
                "items.0.quantity": "must be at most 99",
            },
        ),
        (changed(items=lines(*[1] * 51)), {"items": "must have at most 50 items"}),
        (
            changed(items=[*lines(1), *lines(1)]),
            {"items": "a product may appear once only; add up its quantity"},
        ),
        (changed(coupon="x"), {"coupon": "is not a known field"}),
        (
            changed(customer={"name": 1, "address": ""}),
            {
                "customer.name": "must be a string",
                "customer.email": "is missing",
                "customer.address": "must not be empty",
            },
        ),
        (
            changed(customer={**ORDER["customer"], "name": "\u200b"}),
            {"customer.name": "must not be empty"},
        ),
        (
            changed(customer={**ORDER["customer"], "name": "x" * 101}),
            {"customer.name": "must have at most 100 characters"},
        ),
    ],
    ids=range(13),
)
async def test_each_fault_is_told_once_and_in_the_words_of_json(
    order: object, errors: dict[str, str]
) -> None:
    problem = await refusal(text(order))
    assert [(one["field"], one["message"]) for one in problem.errors] == list(errors.items())


async def test_fifty_lines_of_ninety_nine_are_an_order() -> None:
    incoming = await read(text(changed(items=lines(*[99] * 50), expected_total_idr=0)))
    assert len(incoming.request.items) == 50


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.one_of(st.binary(), json_values.map(text)))
@example(b'{"\\ud800": 1}')
@example(b'{"items": [{"\\udfff": 1}], "customer": {}}')
async def test_no_body_is_anything_but_an_order_or_a_refusal(body: bytes) -> None:
    problem = await refusal(body)
    assert problem.status in {400, 422}
    problem_body(problem, {"method": "POST", "path": "/api/orders"})
