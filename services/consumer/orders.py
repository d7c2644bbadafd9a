"""Orders in the database: one transaction stores them, takes their stock, and says how each
ended; or it does nothing."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, null, select, update
from sqlalchemy.exc import DBAPIError

from contracts.orders import OrderMessage, OrderReason, OrderStatus
from database.tables import order_items, orders, products, purged_orders, stock_ledger
from servicekit.database.engine import is_unavailable, transaction
from services.consumer.decisions import Decision, Offer, decide, quantities_of, reject

LEDGER_REASON = "order"
# With all repetitions, and well under the claim idle time: nobody else should begin with an order
# still under way.
TRANSACTION_SECONDS = 10

_guarded_decrement = (
    update(products)
    .where(products.c.product_id == bindparam("product"), products.c.stock >= bindparam("taken"))
    .values(stock=products.c.stock - bindparam("taken"))
)


class StockTaken(Exception):
    """Another transaction took, since the stock was read, what these orders need."""


class TransactionTooSlow(Exception):
    """The database answers, but so slowly that others could take these orders over."""


class Known(StrEnum):
    """What an order is to the database as a message about it arrives."""

    NEW = "new"
    DUPLICATE = "duplicate"  # same id and fingerprint: this very order has its row
    KEY_REUSE = "key_reuse"  # same id, other fingerprint: another order under the same key


@dataclass(frozen=True, slots=True)
class Outcome:
    message: OrderMessage
    known: Known
    status: OrderStatus
    reason: OrderReason | None


def store_order(engine: Engine, message: OrderMessage, *, deadline: float | None = None) -> Outcome:
    """Store one order and commit, by the deadline on the monotonic clock.

    An error of the database about this message is raised, unless the row it met is, read back,
    this very order or another one under its key. After an error that `is_unavailable` it is
    unknown whether the row exists.
    """
    try:
        try:
            return store_orders(engine, [message], deadline=deadline)[0]
        except StockTaken:
            refused_for = OrderReason.OUT_OF_STOCK
            return store_orders(engine, [message], refused_for=refused_for, deadline=deadline)[0]
    except DBAPIError as error:
        if is_unavailable(error):
            raise
        with transaction(engine) as connection:
            known = _find_known(connection, [message])
        if not known:
            raise
        return known[str(message.order_id)]


def store_orders(
    engine: Engine,
    messages: Sequence[OrderMessage],
    *,
    refused_for: OrderReason | None = None,
    deadline: float | None = None,
) -> list[Outcome]:
    """Store all of them in one transaction and commit, or store none. Their ids must differ.

    Raises `TransactionTooSlow`, `StockTaken`, or the database's error that one of them caused:
    then try each alone. With `refused_for` those that are new are rejected without a look at
    prices and stock.
    """
    if deadline is None:
        deadline = time.monotonic() + TRANSACTION_SECONDS
    with transaction(engine) as connection:
        known = _find_known(connection, messages)
        new = [message for message in messages if str(message.order_id) not in known]
        if refused_for is None:
            decisions = decide(new, _find_offers(connection, new))
        else:
            decisions = [reject(message, refused_for) for message in new]
        if decisions:
            _insert_orders(connection, decisions)
            _take_stock(connection, decisions, deadline)
            _insert_lines(connection, decisions)
            _require_time(deadline)
    stored = {
        str(one.message.order_id): Outcome(one.message, Known.NEW, one.status, one.reason)
        for one in decisions
    }
    ends = known | stored
    return [ends[str(message.order_id)] for message in messages]


def has_row(engine: Engine, order_id: str) -> bool:
    """True if the order has reached its end, even if its row was purged since."""
    with transaction(engine) as connection:
        return any(
            connection.scalar(select(table.c.order_id).where(table.c.order_id == order_id))
            for table in (orders, purged_orders)
        )


def _find_known(connection: Connection, messages: Sequence[OrderMessage]) -> dict[str, Outcome]:
    """In the order in which housekeeping moves them: each statement sees its own moment, and the
    other way round an order that is purged between them would be in neither table."""
    by_id = {str(message.order_id): message for message in messages}
    known: dict[str, Outcome] = {}
    for table, reason in ((orders, orders.c.reason), (purged_orders, null())):
        columns = (table.c.order_id, table.c.fingerprint, table.c.status, reason.label("reason"))
        for row in connection.execute(select(*columns).where(table.c.order_id.in_(by_id))):
            message = by_id[row.order_id]
            same = row.fingerprint == message.fingerprint
            found = Outcome(
                message,
                Known.DUPLICATE if same else Known.KEY_REUSE,
                OrderStatus(row.status),
                OrderReason(row.reason) if row.reason else None,
            )
            known.setdefault(row.order_id, found)
    return known


def _find_offers(connection: Connection, messages: Sequence[OrderMessage]) -> dict[int, Offer]:
    wanted = {line.product_id for message in messages for line in message.items}
    columns = (products.c.product_id, products.c.price_idr, products.c.stock)
    found = connection.execute(select(*columns).where(products.c.product_id.in_(wanted)))
    return {row.product_id: Offer(row.price_idr, row.stock) for row in found}


def _insert_orders(connection: Connection, decisions: Sequence[Decision]) -> None:
    now = datetime.now(UTC)
    connection.execute(insert(orders), [_order_row(decision, now) for decision in decisions])


def _order_row(decision: Decision, now: datetime) -> dict[str, Any]:
    message = decision.message
    return {
        "order_id": str(message.order_id),
        "guest_id": str(message.guest_id),
        "fingerprint": message.fingerprint,
        "status": decision.status.value,
        "reason": decision.reason and decision.reason.value,
        "total_idr": decision.total_idr,
        "customer_name": message.customer.name,
        "customer_email": message.customer.email,
        "customer_address": message.customer.address,
        "accepted_at": message.accepted_at,
        "stored_at": now,
    }


def _take_stock(connection: Connection, decisions: Sequence[Decision], deadline: float) -> None:
    """The stock read before may be gone by now; the guard decides."""
    for product_id, taken in quantities_of(decisions).items():
        _require_time(deadline)
        found = connection.execute(_guarded_decrement, {"product": product_id, "taken": taken})
        if found.rowcount != 1:
            raise StockTaken(f"product {product_id}")


def _require_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TransactionTooSlow(f"not done after {TRANSACTION_SECONDS} s")


def _insert_lines(connection: Connection, decisions: Sequence[Decision]) -> None:
    items, changes = [], []
    now = datetime.now(UTC)
    for decision in decisions:
        order_id = str(decision.message.order_id)
        for line in decision.message.items:
            row = {"order_id": order_id, "product_id": line.product_id}
            price = decision.unit_prices.get(line.product_id)
            items.append({**row, "quantity": line.quantity, "unit_price_idr": price})
            if decision.status is OrderStatus.CONFIRMED:
                sold = {"change": -line.quantity, "reason": LEDGER_REASON, "created_at": now}
                changes.append(row | sold)
    connection.execute(insert(order_items), items)
    if changes:
        connection.execute(insert(stock_ledger), changes)
