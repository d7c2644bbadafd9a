"""What is asked of the tables of orders."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from contracts.orders import OrderLineView, OrderStatus, OrderView
from database.tables import order_items, orders

# What an order's guest sees; name, e-mail and address are not among it.
_SHOWN = (
    orders.c.order_id,
    orders.c.status,
    orders.c.reason,
    orders.c.total_idr,
    orders.c.accepted_at,
)


def find_order(connection: Connection, guest_id: UUID, order_id: UUID) -> OrderView | None:
    """None for another guest's order, too."""
    rows = connection.execute(
        select(*_SHOWN).where(
            orders.c.order_id == str(order_id), orders.c.guest_id == str(guest_id)
        )
    ).all()
    return next(iter(_views(connection, rows)), None)


def list_orders(connection: Connection, guest_id: UUID, limit: int) -> list[OrderView]:
    """The newest ones of a guest, newest first."""
    rows = connection.execute(
        select(*_SHOWN)
        .where(orders.c.guest_id == str(guest_id))
        .order_by(orders.c.accepted_at.desc(), orders.c.order_id.desc())
        .limit(limit)
    ).all()
    return _views(connection, rows)


def _views(connection: Connection, rows: Sequence[Row[Any]]) -> list[OrderView]:
    """All with their items, in one more statement however many they are."""
    if not rows:
        return []
    items = connection.execute(
        select(order_items)
        .where(order_items.c.order_id.in_([row.order_id for row in rows]))
        .order_by(order_items.c.order_id, order_items.c.product_id)
    ).all()
    lines: dict[str, list[Row[Any]]] = {row.order_id: [] for row in rows}
    for item in items:
        lines[item.order_id].append(item)
    return [_view(row, lines[row.order_id]) for row in rows]


def _view(row: Row[Any], items: Sequence[Row[Any]]) -> OrderView:
    is_confirmed = row.status == OrderStatus.CONFIRMED
    return OrderView(
        order_id=UUID(row.order_id),
        status=row.status,
        reason=row.reason,
        items=tuple(
            OrderLineView(
                product_id=item.product_id,
                quantity=item.quantity,
                unit_price_idr=item.unit_price_idr if is_confirmed else None,
            )
            for item in items
        ),
        total_idr=row.total_idr if is_confirmed else None,
        created_at=row.accepted_at,
    )
