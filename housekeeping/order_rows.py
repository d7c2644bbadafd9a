"""What the database knows of orders, for comparing."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, or_, select

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
    """Ids of the orders accepted in this time, in pages, by an index alone: it takes no longer
    for the orders of other times."""
    last, last_id = since, ""
    while page := connection.execute(
        select(orders.c.order_id, orders.c.accepted_at)
        .where(
            orders.c.accepted_at.between(last, until),
            or_(orders.c.accepted_at > last, orders.c.order_id > last_id),
        )
        .order_by(orders.c.accepted_at, orders.c.order_id)
        .limit(_PAGE)
    ).all():
        yield [row.order_id for row in page]
        last, last_id = page[-1].accepted_at, page[-1].order_id
