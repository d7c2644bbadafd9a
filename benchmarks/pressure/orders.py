"""Orders of a run: what clients were told of each, and what became of it."""

import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

_DRAIN_SECONDS = 60.0
_CHUNK = 500
# Of one phase: the others are looked for in the database only.
MOST_REPEATED = 400


@dataclass(slots=True)
class Order:
    """One key of one guest. `email` is its own, by which its row is found."""

    email: str
    raw: bytes
    phase: str
    # Of its guest.
    cookie: str = ""
    # Of each try; 0 is a try without an answer.
    statuses: list[int] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    @property
    def is_acknowledged(self) -> bool:
        return 202 in self.statuses

    @property
    def is_unknown(self) -> bool:
        """Neither accepted nor refused: the same key has to find out."""
        return bool(self.statuses) and self.statuses[-1] in (0, 500, 502, 504)


@dataclass(frozen=True)
class Accounts:
    """Of one phase."""

    sent: int
    acknowledged: int
    # Rows of them, of those that were refused or not answered, and more than one for a key.
    stored: int
    stored_unacknowledged: int
    doubled: int
    lost: int


class Books:
    """Compares what clients were told with what the database has."""

    def __init__(self, database: Path | None) -> None:
        self._database = database
        self.orders: list[Order] = []

    @property
    def can_look(self) -> bool:
        return self._database is not None

    def of_phase(self, phase: str) -> list[Order]:
        return [order for order in self.orders if order.phase == phase and order.statuses]

    def unknown(self, phase: str) -> list[Order]:
        return [one for one in self.of_phase(phase) if one.is_unknown][:MOST_REPEATED]

    def rows(self, orders: Collection[Order]) -> Counter[str]:
        """By the order's address."""
        assert self._database is not None
        emails = [order.email for order in orders]
        found: Counter[str] = Counter()
        with closing(sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True)) as rows:
            for start in range(0, len(emails), _CHUNK):
                some = emails[start : start + _CHUNK]
                marks = ",".join("?" * len(some))
                query = (
                    "SELECT customer_email, count(*) FROM orders "
                    f"WHERE customer_email IN ({marks}) GROUP BY 1"
                )
                found.update(dict(rows.execute(query, some)))
        return found

    def drain(self) -> None:
        """Returns once every acknowledged order has a row, or is lost."""
        acknowledged = [order for order in self.orders if order.is_acknowledged]
        deadline = time.monotonic() + _DRAIN_SECONDS
        while len(self.rows(acknowledged)) < len(acknowledged) and time.monotonic() < deadline:
            time.sleep(0.5)

    def wrong_stock(self) -> int:
        """Products whose stock is not the sum of its ledger, or below nothing."""
        assert self._database is not None
        with closing(sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True)) as rows:
            (count,) = rows.execute(
                "SELECT count(*) FROM (SELECT p.product_id FROM products p "
                "LEFT JOIN stock_ledger l ON l.product_id = p.product_id "
                "GROUP BY p.product_id, p.stock "
                "HAVING p.stock <> coalesce(sum(l.change), 0) OR p.stock < 0)"
            ).fetchone()
        return int(count)

    def accounts(self, phase: str) -> Accounts:
        orders = self.of_phase(phase)
        rows = self.rows(orders)
        acknowledged = [order for order in orders if order.is_acknowledged]
        return Accounts(
            sent=len(orders),
            acknowledged=len(acknowledged),
            stored=sum(order.email in rows for order in acknowledged),
            stored_unacknowledged=_unacknowledged(orders, rows),
            doubled=sum(rows[order.email] > 1 or len(order.ids) > 1 for order in orders),
            lost=sum(order.email not in rows for order in acknowledged),
        )


def _unacknowledged(orders: Sequence[Order], rows: Counter[str]) -> int:
    return sum(order.email in rows and not order.is_acknowledged for order in orders)
