"""Move finished orders that are older than 24 months from the database to an archive.

Confirmed and rejected orders only, by when they were stored; an accepted one has no row yet. In
small batches with pauses: a batch is on disk in ARCHIVE_DIRECTORY (orders-<time>.csv.gz) before
one transaction deletes it, adds up its stock changes in one ledger row per product, and keeps its
ids, so that no old key orders again. The archive names no customer and no guest. It may be killed
at any time: the next run goes on. It may run while the shop does.
"""

import argparse
import calendar
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from housekeeping.lock import locked
from housekeeping.measurements import record_purged
from housekeeping.progress import Progress
from housekeeping.purge_orders.clock import require_same_clock
from housekeeping.purge_orders.purge import Pace, Purge, settle_unfinished
from housekeeping.purge_orders.rows import list_due
from housekeeping.result import add_json_argument, human_size, show
from housekeeping.settings import HousekeepingSettings
from servicekit.database.engine import create_database_engine

_NAME = "purge-orders"
_STATEMENT_SECONDS = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--months", type=_positive, help="older than this many, instead of PURGE_ORDERS_MONTHS"
    )
    parser.add_argument("--batch", type=_positive, default=200, help="orders per transaction")
    parser.add_argument(
        "--pause", type=float, default=0.2, help="seconds between two batches, at least"
    )
    parser.add_argument("--dry-run", action="store_true", help="count them and change nothing")
    add_json_argument(parser)


def run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    began = time.monotonic()
    engine = create_database_engine(
        settings.database_url,
        read_only=options.dry_run,
        connections=1,
        statement_seconds=_STATEMENT_SECONDS,
    )
    try:
        now = datetime.now(UTC)
        require_same_clock(engine, now)
        before = months_before(now, options.months or settings.purge_orders_months)
        if options.dry_run:
            result = _count(engine, before)
        else:
            settings.archive_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(settings.archive_directory, "archive", _NAME):
                result = _purge(engine, settings, before, Pace(options.batch, options.pause))
    finally:
        engine.dispose()
    result |= {"stored_before": before.isoformat(), "seconds": round(time.monotonic() - began, 3)}
    show({"command": _NAME} | result, _describe(result), as_json=options.json)
    return 0


def months_before(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _count(engine: Engine, before: datetime) -> dict[str, Any]:
    progress, found = Progress(), Counter({"confirmed": 0, "rejected": 0})
    for page in list_due(engine, before):
        found.update(order["status"] for order in page)
        progress.update(found.total(), "orders found")
    return {"dry_run": True, "orders": found.total(), **found}


def _purge(
    engine: Engine, settings: HousekeepingSettings, before: datetime, pace: Pace
) -> dict[str, Any]:
    folder = settings.archive_directory
    resumed, archives = settle_unfinished(engine, folder)
    orders, archive = Purge(engine, folder, before, pace).run()
    archives += [archive] if archive else []
    record_purged(orders + resumed)
    return {
        "dry_run": False,
        "orders": orders,
        "orders_of_interrupted_run": resumed,
        "archives": [str(path) for path in archives],
        "bytes": sum(path.stat().st_size for path in archives),
    }


def _describe(result: dict[str, Any]) -> list[str]:
    orders, before = result["orders"], result["stored_before"][:10]
    if result["dry_run"]:
        statuses = f"{result['confirmed']} confirmed, {result['rejected']} rejected"
        return [f"{orders} orders from before {before} would be purged ({statuses})"]
    lines = [f"{orders} orders from before {before} purged in {result['seconds']:.0f} s"]
    if result["orders_of_interrupted_run"]:
        lines.append(f"{result['orders_of_interrupted_run']} more by a run that was interrupted")
    if result["archives"]:
        lines.append(f"archive: {', '.join(result['archives'])} ({human_size(result['bytes'])})")
    return lines
