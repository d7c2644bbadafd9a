"""A shop with old orders, the command that purges them, and what must hold whatever happens."""

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from contracts.orders import OrderMessage
from database.tables import order_items, orders, products, purged_orders, stock_ledger
from housekeeping.__main__ import main
from housekeeping.purge_orders.archive import COLUMNS, _read_batches, list_unfinished
from servicekit.database.engine import transaction
from services.consumer.orders import store_orders
from tests.order_messages import make_order

LONG_AGO = datetime.now(UTC) - timedelta(days=3 * 365)
UNKNOWN_PRODUCT = 10**12


@dataclass
class Books:
    engine: Engine
    archive: Path
    capture: pytest.CaptureFixture[str]
    old: list[OrderMessage] = field(default_factory=list)
    young: list[OrderMessage] = field(default_factory=list)

    def store(self, number: int, *, old: bool = True) -> list[OrderMessage]:
        """As the consumer does, every third one rejected; the old ones three years ago."""
        made = [
            make_order({UNKNOWN_PRODUCT: 1} if n % 3 == 2 else {1 + n % 5: 2, 9: 1})
            for n in range(number)
        ]
        store_orders(self.engine, made)
        if old:
            ids = [str(message.order_id) for message in made]
            times = {"accepted_at": LONG_AGO, "stored_at": LONG_AGO}
            with transaction(self.engine) as connection:
                connection.execute(update(orders).where(orders.c.order_id.in_(ids)).values(times))
        (self.old if old else self.young).extend(made)
        return made

    def purge(self, *options: str, code: int = 0) -> str:
        """What the command said on stdout, or on stderr if it failed as expected."""
        self.capture.readouterr()
        ended = main(["purge-orders", "--pause", "0", *options])
        printed = self.capture.readouterr()
        assert ended == code, printed.out + printed.err
        return printed.err if code else printed.out

    def result(self, *options: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.purge("--json", *options))
        return found

    def ids(self, table: Any) -> set[str]:
        with self.engine.connect() as connection:
            return set(connection.scalars(select(table.c.order_id)))

    def archived(self) -> list[dict[str, str]]:
        """All rows of all archives, whole batches of the unfinished included."""
        rows = []
        for path in sorted(self.archive.glob("*orders-*.csv.gz")):
            data = path.read_bytes()
            if path in list_unfinished(self.archive):
                data = data[: max((batch.end for batch in _read_batches(path)), default=0)]
            found = list(csv.DictReader(io.StringIO(gzip.decompress(data).decode())))
            assert not found or tuple(found[0]) == COLUMNS
            rows += found
        return rows

    def assert_books_balance(self) -> None:
        with self.engine.connect() as connection:
            ledger = select(stock_ledger.c.product_id, func.sum(stock_ledger.c.change))
            sums = {
                product_id: int(change)
                for product_id, change in connection.execute(
                    ledger.group_by(stock_ledger.c.product_id)
                )
            }
            rows = connection.execute(select(products.c.product_id, products.c.stock))
            assert sums == {row.product_id: row.stock for row in rows}

    def assert_each_old_order_is_either_stored_or_archived(self) -> None:
        """At any moment, and each once; what is stored has all of its rows."""
        stored, purged = self.ids(orders), self.ids(purged_orders)
        assert stored.isdisjoint(purged)
        known = {str(message.order_id): message for message in (*self.old, *self.young)}
        assert stored | purged == set(known)
        assert {str(message.order_id) for message in self.young} <= stored
        assert self._lines_in_database() == {
            order_id: {line.product_id for line in known[order_id].items} for order_id in stored
        }
        archived = Counter((row["order_id"], row["product_id"]) for row in self.archived())
        assert set(archived.values()) <= {1}
        wanted = {
            (order_id, str(line.product_id))
            for order_id in purged
            for line in known[order_id].items
        }
        assert wanted <= set(archived)
        # Archived and not yet deleted: no more than the last batch of a run that was interrupted.
        surplus = {order_id for order_id, _ in set(archived) - wanted}
        last = [tuple(_read_batches(path))[-1:] for path in list_unfinished(self.archive)]
        assert surplus in (set(), *(set(batch.order_ids) for (batch,) in filter(None, last)))
        self.assert_books_balance()

    def _lines_in_database(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        with self.engine.connect() as connection:
            for row in connection.execute(select(order_items.c.order_id, order_items.c.product_id)):
                found.setdefault(row.order_id, set()).add(row.product_id)
        return found

    def closing_rows(self) -> Sequence[Any]:
        columns = (stock_ledger.c.product_id, stock_ledger.c.change, stock_ledger.c.order_id)
        statement = select(*columns).where(stock_ledger.c.reason == "purged")
        with self.engine.connect() as connection:
            return connection.execute(statement.order_by(stock_ledger.c.product_id)).all()
