"""The rows of finished orders: which are due, what is archived of them, and how they go."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select

from contracts.orders import OrderStatus
from database.tables import order_items, orders, purged_orders, stock_ledger

LEDGER_REASON = "purged"
_PAGE = 2000
# All that this table holds; said again where rows are deleted.
_FINISHED = (OrderStatus.CONFIRMED.value, OrderStatus.REJECTED.value)

Row = Mapping[str, Any]


def list_due(engine: Engine, before: datetime) -> Iterator[list[Row]]:
    """Orders that were stored before this moment, in pages by id. Reads the whole table once:
    an index on the time would cost every order that is stored, for a purge now and then."""
    columns = (orders.c.order_id, orders.c.status, orders.c.stored_at)
    last = ""
    while True:
        page = select(*columns).where(orders.c.order_id > last).order_by(orders.c.order_id)
        with engine.connect() as connection:
            found = connection.execute(page.limit(_PAGE)).mappings().all()
        if due := [row for row in found if row["stored_at"] < before]:
            yield [dict(row) for row in due]
        if len(found) < _PAGE:
            return
        last = found[-1]["order_id"]


def lock_orders(connection: Connection, order_ids: Sequence[str]) -> set[str]:
    """Those of these orders that have their row, and keep it until this transaction ends. Waits
    for another transaction that deletes them, such as that of a killed run."""
    statement = select(orders.c.order_id).where(orders.c.order_id.in_(order_ids))
    return set(connection.scalars(statement.with_for_update()))


def lock_due(connection: Connection, order_ids: Sequence[str], before: datetime) -> list[Row]:
    """Everything that stays of these orders: not their guest, name, e-mail and address."""
    columns = (
        *(orders.c.order_id, orders.c.fingerprint, orders.c.status, orders.c.reason),
        *(orders.c.total_idr, orders.c.accepted_at, orders.c.stored_at),
    )
    statement = (
        select(*columns)
        .where(
            orders.c.order_id.in_(order_ids),
            orders.c.status.in_(_FINISHED),
            orders.c.stored_at < before,
        )
        .order_by(orders.c.order_id)
    )
    return [dict(row) for row in connection.execute(statement.with_for_update()).mappings()]


def list_lines(connection: Connection, order_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Order → a row for each product in it, with what the order changed in its stock."""
    columns = (
        *(order_items.c.order_id, order_items.c.product_id),
        *(order_items.c.quantity, order_items.c.unit_price_idr),
    )
    found = connection.execute(select(*columns).where(order_items.c.order_id.in_(order_ids)))
    lines = {(row.order_id, row.product_id): dict(row._mapping) for row in found}
    changes = (stock_ledger.c.order_id, stock_ledger.c.product_id, stock_ledger.c.change)
    ledger = connection.execute(select(*changes).where(stock_ledger.c.order_id.in_(order_ids)))
    for row in ledger:
        line = lines.setdefault((row.order_id, row.product_id), {"product_id": row.product_id})
        line["stock_change"] = line.get("stock_change", 0) + row.change
    by_order: dict[str, list[Row]] = defaultdict(list)
    for (order_id, _), line in sorted(lines.items()):
        by_order[order_id].append(line)
    return by_order


def close_orders(
    connection: Connection, due: Sequence[Row], lines: Mapping[str, Sequence[Row]], now: datetime
) -> None:
    """Delete these orders with all their rows, in the caller's transaction. What they changed in
    the stock is added up in one row per product, and their ids stay known."""
    order_ids = [order["order_id"] for order in due]
    _close_ledger(connection, order_ids, lines, now)
    for table in (order_items, orders):
        connection.execute(delete(table).where(table.c.order_id.in_(order_ids)))
    kept = ("order_id", "fingerprint", "status")
    purged = [{name: order[name] for name in kept} | {"purged_at": now} for order in due]
    connection.execute(insert(purged_orders), purged)


def _close_ledger(
    connection: Connection,
    order_ids: Sequence[str],
    lines: Mapping[str, Sequence[Row]],
    now: datetime,
) -> None:
    changes: dict[int, int] = defaultdict(int)
    for order_lines in lines.values():
        for line in order_lines:
            if "stock_change" in line:
                changes[line["product_id"]] += line["stock_change"]
    if not changes:
        return
    connection.execute(delete(stock_ledger).where(stock_ledger.c.order_id.in_(order_ids)))
    # Together with what earlier batches added up: one row per product, not one for each batch.
    for product_id, change in _take_closing_rows(connection, list(changes)):
        changes[product_id] += change
    closing = {"order_id": None, "reason": LEDGER_REASON, "created_at": now}
    connection.execute(
        insert(stock_ledger),
        [
            closing | {"product_id": product_id, "change": change}
            for product_id, change in sorted(changes.items())
        ],
    )


def _take_closing_rows(
    connection: Connection, product_ids: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """What earlier batches closed for these products, and no longer in the ledger after this. The
    missing order makes it one look into an index."""
    columns = (stock_ledger.c.entry_id, stock_ledger.c.product_id, stock_ledger.c.change)
    closing = select(*columns).where(
        stock_ledger.c.order_id.is_(None),
        stock_ledger.c.product_id.in_(product_ids),
        stock_ledger.c.reason == LEDGER_REASON,
    )
    found = connection.execute(closing.with_for_update()).all()
    if entry_ids := [row.entry_id for row in found]:
        connection.execute(delete(stock_ledger).where(stock_ledger.c.entry_id.in_(entry_ids)))
    for row in found:
        yield row.product_id, row.change
