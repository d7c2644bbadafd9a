"""From the request to the stored row, with everything real in between."""

import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import (
    CUSTOMER,
    Guest,
    assert_stock_is_the_sum_of_its_ledger,
    eventually,
    rows,
)
from tests.stack import RunningStack

pytestmark = pytest.mark.e2e


def test_an_order_reaches_its_row(stack: RunningStack, guest: Guest) -> None:
    product = guest.product()
    answer = guest.post_order(
        {product["product_id"]: 2}, expected_total_idr=2 * product["price_idr"]
    )
    assert answer.status_code == 202
    accepted = answer.json()
    assert accepted["status"] == "accepted"
    assert answer.headers["location"] == accepted["status_url"]
    order = guest.wait_for_end(accepted["order_id"])
    assert order == {
        "order_id": accepted["order_id"],
        "status": "confirmed",
        "reason": None,
        "items": [
            {
                "product_id": product["product_id"],
                "quantity": 2,
                "unit_price_idr": product["price_idr"],
            }
        ],
        "total_idr": 2 * product["price_idr"],
        "created_at": order["created_at"],
    }
    (row,) = rows(stack, "SELECT * FROM orders WHERE order_id = ?", accepted["order_id"])
    assert row["status"] == "confirmed"
    assert row["customer_address"] == CUSTOMER["address"]
    assert_stock_is_the_sum_of_its_ledger(stack)


def test_fifty_requests_with_one_key_at_once_and_later_ones_are_one_order(
    stack: RunningStack, guest: Guest
) -> None:
    lines, key = {guest.product()["product_id"]: 1}, str(uuid.uuid4())
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: guest.post_order(lines, key), range(50)))
    assert {answer.status_code for answer in answers} == {202}
    (order_id,) = {answer.json()["order_id"] for answer in answers}
    guest.wait_for_end(order_id)
    assert guest.post_order(lines, key).json()["order_id"] == order_id
    listed = guest.http.get("/api/orders").json()["items"]
    assert [order["order_id"] for order in listed] == [order_id]
    changes = rows(stack, "SELECT l.change FROM stock_ledger l WHERE order_id = ?", order_id)
    assert changes == [{"change": -1}]


def test_guests_share_neither_orders_nor_keys(guest: Guest, other_guest: Guest) -> None:
    lines = {guest.product()["product_id"]: 1}
    order_id = guest.post_order(lines, "shared-key").json()["order_id"]
    guest.wait_for_end(order_id)
    assert other_guest.http.get(f"/api/orders/{order_id}").status_code == 404
    assert other_guest.http.get("/api/orders").json() == {"items": []}
    assert other_guest.http.get(f"/orders/{order_id}").status_code == 404
    assert other_guest.post_order(lines, "shared-key").json()["order_id"] != order_id


def test_an_answer_lost_on_the_wire_and_retried_is_one_order(
    stack: RunningStack, guest: Guest
) -> None:
    product, key = guest.product(), str(uuid.uuid4())
    request = guest.http.build_request(
        "POST",
        "/api/orders",
        headers={"Idempotency-Key": key},
        json={
            "items": [{"product_id": product["product_id"], "quantity": 1}],
            "customer": CUSTOMER,
        },
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    shop = urlsplit(stack.shop_url)
    with closing(socket.create_connection((shop.hostname, shop.port), 5)) as connection:
        connection.sendall(f"POST /api/orders HTTP/1.1\r\n{head}\r\n".encode() + request.read())
        # The order is stored, and its answer never read.
        listed = eventually(
            lambda: guest.http.get("/api/orders").json()["items"], lambda orders: orders
        )
    retried = guest.post_order({product["product_id"]: 1}, key)
    assert retried.status_code == 202
    assert [order["order_id"] for order in listed] == [retried.json()["order_id"]]
    guest.wait_for_end(retried.json()["order_id"])
    assert len(guest.http.get("/api/orders").json()["items"]) == 1


def test_the_last_watch_is_sold_once(stack: RunningStack, guest: Guest) -> None:
    (product,) = rows(
        stack, "SELECT product_id, stock FROM products WHERE stock BETWEEN 1 AND 5 LIMIT 1"
    )
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(
                lambda _: guest.post_order({product["product_id"]: 1}),
                range(product["stock"] + 5),
            )
        )
    ends = [guest.wait_for_end(answer.json()["order_id"]) for answer in answers]
    assert sum(order["status"] == "confirmed" for order in ends) == product["stock"]
    assert {order["reason"] for order in ends} == {None, "out_of_stock"}
    assert_stock_is_the_sum_of_its_ledger(stack)
    shown = eventually(
        lambda: guest.http.get(f"/api/products/{product['product_id']}").json()["stock"],
        lambda stock: stock == 0,
        seconds=2,
    )
    assert shown == 0
