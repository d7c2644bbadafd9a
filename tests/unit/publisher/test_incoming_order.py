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

from servicekit.http_server.body import MAX_BODY_BYTES
from servicekit.problems import Problem, problem_body
from services.publisher.incoming_order import IncomingOrder, read_order

GUEST = str(uuid.UUID(int=7))
CUSTOMER = {"name": "Sari", "email": "sari@example.com", "address": "Jl. Merdeka 1"}
ORDER: dict[str, Any] = {"items": [{"product_id": 1, "quantity": 2}], "customer": CUSTOMER}
HEADERS = (
    ("x-arloji-guest", GUEST),
    ("idempotency-key", "a key"),
    ("content-type", "application/json"),
    ("transfer-encoding", "chunked"),
)


def text(order: object) -> bytes:
    return json.dumps(order).encode()


def changed(**changes: object) -> dict[str, Any]:
    return {**ORDER, **changes}


def customer(**changes: object) -> dict[str, Any]:
    return changed(customer={**CUSTOMER, **changes})


def lines(*quantities: object) -> dict[str, Any]:
    return changed(items=[{"product_id": n, "quantity": q} for n, q in enumerate(quantities, 1)])


def with_header(name: str, *values: str) -> list[tuple[str, str]]:
    kept = [header for header in HEADERS if header[0] != name]
    return kept + [(name, value) for value in values]


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


async def test_an_order_is_read_as_it_was_sent() -> None:
    incoming = await read(text(ORDER))
    assert (incoming.guest_id, incoming.idempotency_key) == (uuid.UUID(GUEST), "a key")
    assert incoming.request.model_dump(mode="json") == {**ORDER, "expected_total_idr": None}
    largest = {**lines(*[99] * 50), "expected_total_idr": 0}
    assert len((await read(text(largest))).request.items) == 50


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("content-type", kind)
            for kind in ("application/json; charset=utf-8", "Application/JSON")
        ),
        *(("idempotency-key", key) for key in ("x", " ~", "k" * 255, "idem:*\\x", "{}[]\"'")),
        ("content-encoding", "identity"),
        ("x-arloji-guest", GUEST.upper()),
    ],
)
async def test_a_header_may_be_spelled_in_any_way_that_is_allowed(name: str, value: str) -> None:
    incoming = await read(text(ORDER), headers=with_header(name, value))
    assert incoming.guest_id == uuid.UUID(GUEST)
    assert incoming.idempotency_key == (value.strip() if name == "idempotency-key" else "a key")


@pytest.mark.parametrize(
    ("status", "name", "values"),
    [
        *(
            (400, "idempotency-key", values)
            for values in ((), ("",), (" ",), ("k" * 256,), ("a\tb",), ("é",), ("a", "a"))
        ),
        *(
            (401, "x-arloji-guest", values)
            for values in ((), ("",), ("x",), (GUEST.replace("-", ""),), (GUEST, GUEST))
        ),
        *(
            (415, "content-type", values)
            for values in ((), ("text/plain",), ("application/jsonp",), ("application/json",) * 2)
        ),
        (415, "content-encoding", ("gzip",)),
    ],
)
async def test_a_missing_or_odd_header_has_its_own_status(
    status: int, name: str, values: tuple[str, ...]
) -> None:
    problem = await refusal(text(ORDER), headers=with_header(name, *values))
    assert problem.status == status
    if status == 400:
        assert "Idempotency-Key" in problem.detail
    if status == 401:
        assert problem.slug == "guest-required"


async def test_a_body_is_held_to_its_limit_and_half_of_one_orders_nothing() -> None:
    body = text(ORDER)
    await read(body, b" " * (MAX_BODY_BYTES - len(body)))
    assert (await refusal(body, b" " * (MAX_BODY_BYTES - len(body) + 1))).status == 413
    assert (await refusal(body, leave=True)).status == 400


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"{'items': []}", b"\xff\xfe", b"\xef\xbb\xbf{}"),
        *(b'{"items": NaN}', b'{"items": -Infinity}', b'{"items": 1' + b"0" * 5000 + b"}"),
        *(b"[" * 30_000 + b"]" * 30_000, b'{"a":' * 10_000, text(ORDER) + text(ORDER)),
        text(ORDER).replace(b'"quantity": 2', b'"quantity": 2, "quantity": 3'),
    ],
    ids=range(12),
)
async def test_what_is_not_json_is_400(body: bytes) -> None:
    assert (await refusal(body)).status == 400


NO_OBJECTS: tuple[object, ...] = ([], None, "order")
FAULTS: list[tuple[object, str]] = [
    *((order, " must be an object") for order in NO_OBJECTS),
    (changed(items=[]), "items must not be empty"),
    (changed(items={}), "items must be an array"),
    (changed(items=[[]]), "items.0 must be an object"),
    *(
        (lines(quantity), "items.0.quantity must be a whole number")
        for quantity in (True, "2", 2.0, None)
    ),
    (lines(10**4000), "items.0.quantity must be at most 99"),
    (lines(0), "items.0.quantity must be at least 1"),
    (lines(1, 100), "items.1.quantity must be at most 99"),
    (lines(*[1] * 51), "items must have at most 50 items"),
    (
        changed(items=ORDER["items"] * 2),
        "items a product may appear once only; add up its quantity",
    ),
    (
        changed(items=[{"product_id": "1", "quantity": 100}]),
        "items.0.product_id must be a whole number, items.0.quantity must be at most 99",
    ),
    (
        changed(items=[{"product_id": 2**63, "quantity": 1, "price": 1}]),
        f"items.0.product_id must be at most {2**63 - 1}, items.0.price is not a known field",
    ),
    (changed(coupon="x"), "coupon is not a known field"),
    (
        changed(customer={"name": 1, "address": ""}),
        "customer.name must be a string, customer.email is missing, "
        "customer.address must not be empty",
    ),
    (customer(name="\u200b"), "customer.name must not be empty"),
    (customer(name="x" * 101), "customer.name must have at most 100 characters"),
    (
        customer(name="\ud800"),
        "customer.name must be Unicode text, without half of a surrogate pair",
    ),
    (customer(name="a\0"), "customer.name must not contain control characters"),
    (customer(email="no address"), r"customer.email must match ^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$"),
    (changed(expected_total_idr=-1), "expected_total_idr must be at least 0"),
    *(
        (changed(expected_total_idr=total), "expected_total_idr must be a whole number")
        for total in ("5", True)
    ),
]


@pytest.mark.parametrize(("order", "faults"), FAULTS, ids=range(len(FAULTS)))
async def test_what_does_not_fit_is_422_and_each_fault_is_told_once_in_the_words_of_json(
    order: object, faults: str
) -> None:
    problem = await refusal(text(order))
    assert problem.status == 422
    assert ", ".join(f"{one['field']} {one['message']}" for one in problem.errors) == faults


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
