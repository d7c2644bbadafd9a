"""What the database knows of orders, for comparing."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from database.tables import orders, purged_orders

_PAGE = 1000


def find_stored(connection: Connection, order_ids: Sequence[str]) -> set[str]:
    statement = select(orders.c.order_id).where(orders.c.order_id.in_(order_ids))
    return set(connection.scalars(statement))


def find_purged(connection: Connection, order_ids: Sequence[str]) -> set[str]:
    statement = select(purged_orders.c.order_id).where(purged_orders.c.order_id.in_(order_ids))
    return set(connection.scalars(statement))


def list_stored(
    connection: Connection, *, since: datetime, until: datetime
) -> Iterator[Sequence[str]]:
    """Ids of the orders accepted in this time, in pages."""
    last = ""
    while page := connection.scalars(
        select(orders.c.order_id)
        .where(orders.c.order_id > last, orders.c.accepted_at.between(since, until))
        .order_by(orders.c.order_id)
        .limit(_PAGE)
    ).all():
        yield page
        last = page[-1]
