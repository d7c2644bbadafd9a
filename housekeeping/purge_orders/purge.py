"""Batch by batch out of the database, with a state at every moment from which to go on."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from housekeeping.failures import CouldNot
from housekeeping.progress import Progress
from housekeeping.purge_orders.archive import COLUMNS, OrderArchive, list_unfinished
from housekeeping.purge_orders.rows import (
    Row,
    close_orders,
    list_due,
    list_lines,
    lock_due,
    lock_orders,
)
from servicekit.database.engine import is_unavailable, transaction

_ATTEMPTS = 5


@dataclass(frozen=True)
class Pace:
    batch: int
    pause_seconds: float

    def rest(self, worked_seconds: float) -> None:
        """As long as the work took, at least: half of the time is the shop's."""
        time.sleep(max(self.pause_seconds, worked_seconds))


class Purge:
    """One run, with an archive of its own. Locks in the database make a second one elsewhere
    harmless: an order is archived by whoever holds its row."""

    def __init__(self, engine: Engine, folder: Path, before: datetime, pace: Pace) -> None:
        self._engine, self._folder, self._before, self._pace = engine, folder, before, pace
        self._archive: OrderArchive | None = None
        self._progress = Progress()

    def run(self) -> tuple[int, Path | None]:
        """How many orders were purged, and the archive that has them."""
        for page in list_due(self._engine, self._before):
            order_ids = [order["order_id"] for order in page]
            for start in range(0, len(order_ids), self._pace.batch):
                began = time.monotonic()
                self._purge(order_ids[start : start + self._pace.batch])
                self._progress.update(self.orders, "orders purged")
                self._pace.rest(time.monotonic() - began)
        orders = self.orders
        return orders, self._archive.finish() if self._archive else None

    @property
    def orders(self) -> int:
        return self._archive.orders if self._archive else 0

    def _purge(self, order_ids: Sequence[str]) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._archive_and_delete(order_ids)
            except SQLAlchemyError as error:
                if attempt == _ATTEMPTS or not is_unavailable(error):
                    raise
                time.sleep(attempt)
                # Whether it was committed before the connection broke is unknown.
                if self._archive:
                    settle(self._engine, self._archive)
            else:
                return

    def _archive_and_delete(self, order_ids: Sequence[str]) -> None:
        now = datetime.now(UTC)
        with transaction(self._engine) as connection:
            due = lock_due(connection, order_ids, self._before)
            if not due:
                return
            lines = list_lines(connection, [order["order_id"] for order in due])
            if self._archive is None:
                self._archive = OrderArchive.create(self._folder, now)
            self._archive.append(list(_as_csv(due, lines)))
            close_orders(connection, due, lines, now)


def settle_unfinished(engine: Engine, folder: Path) -> tuple[int, list[Path]]:
    """Bring what an interrupted run left to its end: its archive has exactly the orders that are
    gone from the database."""
    orders, finished = 0, []
    for path in list_unfinished(folder):
        archive = OrderArchive(path)
        settle(engine, archive)
        orders += archive.orders
        if final := archive.finish():
            finished.append(final)
    return orders, finished


def settle(engine: Engine, archive: OrderArchive) -> None:
    """Only the last batch can be in doubt: its transaction followed its way to the disk."""
    batch = archive.last
    if not batch.order_ids:
        return
    with transaction(engine) as connection:
        here = lock_orders(connection, batch.order_ids)
        if here == set(batch.order_ids):
            archive.undo()
        elif here:
            raise CouldNot(
                f"of the {len(batch.order_ids)} orders last archived {len(here)} are in the"
                " database and the others are not, which no purge leaves: was a backup restored?"
                " Move the unfinished archive elsewhere and run it again"
            )


def _as_csv(due: Sequence[Row], lines: dict[str, list[Row]]) -> Iterator[list[object]]:
    """A row per product of an order, with the order in each."""
    for order in due:
        times = {name: order[name].isoformat() for name in ("accepted_at", "stored_at")}
        for line in lines.get(order["order_id"]) or [{}]:
            row = {**order, **line, **times}
            yield [row.get(name) for name in COLUMNS]
