"""Remove audit files of more than 90 days ago whose orders have all reached their end.

A file whose first line is older than a day is closed: it gets another name, and the publisher
goes on in a new one. A closed file is removed when nothing was written to it for 90 days and each
order in it has its row or was purged. While one of its orders waits, is a dead letter or is lost,
it stays; an order that is nowhere but in its file is named by `reconcile`.
"""

import argparse
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine

from housekeeping.audit_trail import AuditFile, AuditTrail
from housekeeping.failures import CouldNot
from housekeeping.lock import locked
from housekeeping.measurements import record_freed
from housekeeping.order_rows import find_purged, find_stored
from housekeeping.progress import Progress
from housekeeping.purge_audit.files import ClosedFile, close, list_due_for_closing, list_old
from housekeeping.purge_orders.clock import require_same_clock
from housekeeping.result import add_json_argument, human_size, show
from housekeeping.settings import HousekeepingSettings
from servicekit.database.engine import create_database_engine

_NAME = "purge-audit"
_STATEMENT_SECONDS = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=int, help="instead of PURGE_AUDIT_DAYS, at least 1")
    parser.add_argument("--dry-run", action="store_true", help="look, and change nothing")
    add_json_argument(parser)


def run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    folder = settings.audit_directory
    days = options.days if options.days is not None else settings.purge_audit_days
    if days < 1:
        raise CouldNot("--days must be 1 or more")
    if not folder.is_dir():
        raise CouldNot(f"{folder} is not there: AUDIT_DIRECTORY names the publisher's folder")
    engine = create_database_engine(
        settings.database_url,
        read_only=True,
        connections=1,
        statement_seconds=_STATEMENT_SECONDS,
    )
    try:
        with locked(folder, "audit", _NAME):
            result = _purge(engine, settings, days, dry_run=options.dry_run)
    finally:
        engine.dispose()
    record_freed(options, result["bytes"])
    show({"command": _NAME} | result, _describe(result), as_json=options.json)
    return 1 if result["kept"] else 0


def _purge(
    engine: Engine, settings: HousekeepingSettings, days: int, *, dry_run: bool
) -> dict[str, Any]:
    folder, now = settings.audit_directory, datetime.now(UTC)
    require_same_clock(engine, now)
    due = list_due_for_closing(folder, now)
    removed: list[ClosedFile] = []
    kept: dict[str, list[str]] = {}
    with engine.connect() as connection:
        for file in list_old(folder, now, days):
            if without_end := _find_without_end(connection, file):
                kept[file.path.name] = without_end
                continue
            if not dry_run:
                file.remove()
            removed.append(file)
    return {
        "dry_run": dry_run,
        "closed": [path.name if dry_run else close(path, now).name for path in due],
        "removed": [file.path.name for file in removed],
        "bytes": sum(file.size for file in removed),
        # File → its orders without an end, the first hundred.
        "kept": kept,
    }


def _find_without_end(connection: Connection, file: ClosedFile) -> list[str]:
    """In the order in which an order moves, so that none is missed between two looks."""
    without_end: list[str] = []
    with AuditTrail() as trail:
        for _ in trail.read(AuditFile(file.path, file.size), Progress()):
            pass  # half a line: no 202 left after it
        for batch in trail.batches():
            ids = [accepted.order_id for accepted in batch]
            ended = find_stored(connection, ids)
            ended |= find_purged(connection, ids)
            without_end += [order_id for order_id in ids if order_id not in ended]
    return without_end[:100]


def _describe(result: dict[str, Any]) -> list[str]:
    would = "would be " if result["dry_run"] else ""
    size = human_size(result["bytes"])
    return [
        f"{len(result['closed'])} audit files {would}closed",
        f"{len(result['removed'])} audit files {would}removed ({size})",
        *(
            f"{name} stays: order {orders[0]} has not reached its end"
            + (f", nor have {len(orders) - 1} more" if len(orders) > 1 else "")
            + "; `reconcile` says where it is"
            for name, orders in result["kept"].items()
        ),
    ]
