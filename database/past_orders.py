"""Invented orders of the past, for measuring how the shop grows: rows as the consumer writes them,
many in one transaction. Never for a shop that has customers."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, Engine, func, insert, select

from database.tables import order_items, orders, products, stock_ledger
from servicekit.database.engine import transaction

# Of one transaction; memory is that of one batch.
BATCH = 1_000
# A batch sells few products often, so that few ledger rows put back what it took.
_PRODUCTS_OF_BATCH = 100
_NAMESPACE = UUID("0b7f7a0e-98a5-5d0b-9c37-6f2f4e9a1b11")
# Ten orders of each guest, spread over ten batches, however many there are in all.
_BLOCK = 10 * BATCH
_FIRST_ACCEPTED = datetime(2024, 1, 1, tzinfo=UTC)
_EVERY = timedelta(seconds=6)
_LINES = (1, 1, 2)
# One in so many finds its products sold out.
_REJECTED_EVERY = 20


class OrdersPresent(Exception):
    """The shop has orders that were not invented here."""


class NoProducts(Exception):
    """There is nothing to order."""


@dataclass
class _Rows:
    orders: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)


def guest_of(number: int) -> UUID:
    block, within = divmod(number, _BLOCK)
    return uuid5(_NAMESPACE, f"guest {block} {within % BATCH}")


def order_id_of(number: int) -> UUID:
    """Of one of the invented orders, which are numbered from 0."""
    return uuid5(guest_of(number), f"past order {number}")


def insert_past_orders(
    engine: Engine, number: int, progress: Callable[[int], None] | None = None
) -> int:
    """Insert those that are missing, in whole batches of `BATCH`; return how many they were.

    It goes on where it was ended before. Stocks stay as they are: what a batch sells it also
    puts back, by a ledger row of each of its products, so that every stock remains the sum of its
    ledger. Raises `OrdersPresent` and `NoProducts`.
    """
    with engine.connect() as connection:
        last_product = connection.scalar(select(func.max(products.c.product_id)))
        if last_product is None:
            raise NoProducts("there are no products: seed them first")
        batches = -(-number // BATCH)
        done = count_past_orders(connection, number) // BATCH
        if not done and connection.scalar(select(orders.c.order_id).limit(1)):
            raise OrdersPresent("this database has orders of its own")
    for batch in range(done, batches):
        numbers = range(batch * BATCH, (batch + 1) * BATCH)
        with transaction(engine) as connection:
            _insert(connection, _rows_of(numbers, _prices(connection, batch, last_product)))
        if progress:
            progress(numbers[-1] + 1)
    return (batches - done) * BATCH


def count_past_orders(connection: Connection, most: int) -> int:
    """How many of them there are, up to `most` rounded up to whole batches, which are committed in
    order: the first that is missing is found by halving."""
    low, high = 0, -(-most // BATCH)
    while low < high:
        middle = (low + high) // 2
        statement = select(orders.c.order_id).where(
            orders.c.order_id == str(order_id_of(middle * BATCH))
        )
        if connection.scalar(statement):
            low = middle + 1
        else:
            high = middle
    return low * BATCH


def _prices(connection: Connection, batch: int, last_product: int) -> list[tuple[int, int]]:
    first = 1 + batch * 7919 * _PRODUCTS_OF_BATCH % max(1, last_product - _PRODUCTS_OF_BATCH)
    statement = (
        select(products.c.product_id, products.c.price_idr)
        .where(products.c.product_id >= first)
        .order_by(products.c.product_id)
        .limit(_PRODUCTS_OF_BATCH)
    )
    return [(row.product_id, row.price_idr) for row in connection.execute(statement)]


def _rows_of(numbers: range, prices: Sequence[tuple[int, int]]) -> _Rows:
    rows, taken = _Rows(), dict.fromkeys((product_id for product_id, _ in prices), 0)
    accepted_at = _FIRST_ACCEPTED
    for number in numbers:
        accepted_at = _FIRST_ACCEPTED + number * _EVERY
        order_id, count = str(order_id_of(number)), min(_LINES[number % len(_LINES)], len(prices))
        lines = [prices[(number * 7 + line) % len(prices)] for line in range(count)]
        rejected = number % _REJECTED_EVERY == 0
        rows.orders.append(_order(number, order_id, accepted_at, None if rejected else lines))
        for product_id, price_idr in lines:
            row = {"order_id": order_id, "product_id": product_id}
            price = None if rejected else price_idr
            rows.items.append({**row, "quantity": 1, "unit_price_idr": price})
            if not rejected:
                taken[product_id] += 1
                rows.ledger.append(_change(product_id, order_id, -1, "order", accepted_at))
    rows.ledger += [
        _change(product_id, None, count, "restock", accepted_at)
        for product_id, count in taken.items()
        if count
    ]
    return rows


def _order(
    number: int, order_id: str, accepted_at: datetime, sold: Sequence[tuple[int, int]] | None
) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "guest_id": str(guest_of(number)),
        "fingerprint": hashlib.sha256(order_id.encode()).hexdigest(),
        "status": "rejected" if sold is None else "confirmed",
        "reason": "out_of_stock" if sold is None else None,
        "total_idr": None if sold is None else sum(price for _, price in sold),
        "customer_name": f"Pelanggan {number}",
        "customer_email": f"pelanggan-{number}@example.com",
        "customer_address": f"Jl. Contoh {number}, Jakarta",
        "accepted_at": accepted_at,
        "stored_at": accepted_at + timedelta(milliseconds=20),
    }


def _change(
    product_id: int, order_id: str | None, change: int, reason: str, at: datetime
) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "order_id": order_id,
        "change": change,
        "reason": reason,
        "created_at": at,
    }


def _insert(connection: Connection, rows: _Rows) -> None:
    for table, chosen in (
        (orders, rows.orders),
        (order_items, rows.items),
        (stock_ledger, rows.ledger),
    ):
        if chosen:
            connection.execute(insert(table), chosen)
