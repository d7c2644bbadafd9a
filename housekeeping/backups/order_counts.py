"""What is in a database, for comparing: how much would be replaced, and whether it adds up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, func, inspect, or_, select

from database.tables import order_items, orders, products, purged_orders, stock_ledger
from servicekit.database.engine import create_database_engine

T = TypeVar("T")
_STATEMENT_SECONDS = 600


@dataclass(frozen=True)
class Content:
    tables: int = 0
    orders: int = 0
    newest_order: str | None = None
    # Beside what the seed put into it.
    changed: bool = False

    @property
    def is_empty(self) -> bool:
        """A catalogue as it was seeded is nothing that could be lost."""
        return not self.orders and not self.changed

    def __str__(self) -> str:
        if not self.tables:
            return "no table"
        newest = f", the newest accepted {self.newest_order}" if self.newest_order else ""
        return f"{self.tables} tables, {self.orders} orders{newest}"


def read_content(url: str) -> Content:
    with_tables = _ask(url, lambda connection: inspect(connection).get_table_names())
    if "orders" not in with_tables:
        return Content(tables=len(with_tables))
    return _ask(url, lambda connection: _content(connection, len(with_tables)))


def _content(connection: Connection, tables: int) -> Content:
    count, newest = connection.execute(
        select(func.count(), func.max(orders.c.accepted_at)).select_from(orders)
    ).one()
    others = _count(connection, select(stock_ledger).where(stock_ledger.c.reason != "seed"))
    purged = _count(connection, select(purged_orders))
    return Content(tables, count, str(newest) if newest else None, bool(others or purged))


def find_contradictions(url: str) -> list[str]:
    """What a shop never has, each with how often it is there."""
    counts = _ask(
        url,
        lambda connection: {
            what: _count(connection, statement) for what, statement in _contradictions().items()
        },
    )
    return [f"{count} {what}" for what, count in counts.items() if count]


def _contradictions() -> dict[str, Select[Any]]:
    return {
        "products whose stock is not the sum of their ledger": _wrong_stocks(),
        "orders without items": select(orders.c.order_id).where(
            ~select(order_items.c.order_id)
            .where(order_items.c.order_id == orders.c.order_id)
            .exists()
        ),
        "confirmed orders whose total is not that of their items": _wrong_totals(),
        "items of confirmed orders without their ledger row": _not_taken(),
        "orders that are both stored and purged": select(orders.c.order_id).join(
            purged_orders, purged_orders.c.order_id == orders.c.order_id
        ),
    }


def _wrong_stocks() -> Select[Any]:
    ledger = (
        select(func.coalesce(func.sum(stock_ledger.c.change), 0))
        .where(stock_ledger.c.product_id == products.c.product_id)
        .scalar_subquery()
    )
    return select(products.c.product_id).where(products.c.stock != ledger)


def _wrong_totals() -> Select[Any]:
    total = (
        select(func.sum(order_items.c.quantity * order_items.c.unit_price_idr))
        .where(order_items.c.order_id == orders.c.order_id)
        .scalar_subquery()
    )
    return select(orders.c.order_id).where(
        orders.c.status == "confirmed", or_(total.is_(None), orders.c.total_idr != total)
    )


def _not_taken() -> Select[Any]:
    taken = select(stock_ledger.c.entry_id).where(
        stock_ledger.c.order_id == order_items.c.order_id,
        stock_ledger.c.product_id == order_items.c.product_id,
        stock_ledger.c.change == -order_items.c.quantity,
    )
    return (
        select(order_items.c.order_id)
        .join(orders, orders.c.order_id == order_items.c.order_id)
        .where(orders.c.status == "confirmed", ~taken.exists())
    )


def _count(connection: Connection, statement: Select[Any]) -> int:
    return connection.scalar(select(func.count()).select_from(statement.subquery())) or 0


def _ask(url: str, read: Callable[[Connection], T]) -> T:
    engine = create_database_engine(
        url, read_only=True, connections=1, statement_seconds=_STATEMENT_SECONDS
    )
    try:
        with engine.connect() as connection:
            return read(connection)
    finally:
        engine.dispose()
