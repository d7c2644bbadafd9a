"""Compare the audit of accepted orders with rows, purged orders, queue and dead letters.

Every difference is named. An order that was accepted and is nowhere is lost, or was stored after
the backup that was restored last (exit code 1); the others are for information. It may run while
the shop does.
"""

import argparse
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis import Redis
from sqlalchemy import Connection

from contracts.queue import DEAD, ORDERS
from housekeeping.audit_trail import Accepted, AuditTrail, list_audit_files
from housekeeping.backups.restored import Restored, read_restored
from housekeeping.differences import Difference, Kind, Report, create_report
from housekeeping.measurements import record_differences
from housekeeping.order_rows import find_purged, find_stored, list_stored
from housekeeping.progress import Progress
from housekeeping.queue_contents import QueueContents, open_queue, read_queue, read_waiting
from housekeeping.settings import HousekeepingSettings
from servicekit.database.engine import create_database_engine

_STATEMENT_SECONDS = 60
# Between an order's time and its audit line lies at most a request.
_UNDER_WAY = timedelta(seconds=10)
_CONFLICTS = (
    ({"stored", "purged"}, Kind.STORED_AND_PURGED),
    ({"stored", "waiting"}, Kind.STORED_AND_WAITING),
    ({"purged", "waiting"}, Kind.STORED_AND_WAITING),
    ({"stored", "dead"}, Kind.STORED_AND_DEAD),
    ({"purged", "dead"}, Kind.STORED_AND_DEAD),
    ({"waiting", "dead"}, Kind.WAITING_AND_DEAD),
)


class NoAuditFiles(Exception):
    """There is no audit file: an empty comparison must not look like a good one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    report = create_report(as_json=options.json)
    engine = create_database_engine(
        settings.database_url,
        read_only=True,
        connections=1,
        statement_seconds=_STATEMENT_SECONDS,
    )
    try:
        with (
            open_queue(settings.queue_redis_url) as queue,
            engine.connect() as database,
            AuditTrail() as trail,
        ):
            restored = read_restored(settings.backup_directory)
            Reconciliation(trail, queue, database, report, restored).compare(
                settings.audit_directory
            )
    finally:
        engine.dispose()
    report.finish()
    record_differences({kind: report.differences[kind] for kind in Kind})
    missing = report.differences[Kind.LOST] + report.differences[Kind.AFTER_BACKUP]
    return 1 if missing else 0


class Reconciliation:
    def __init__(
        self,
        trail: AuditTrail,
        queue: Redis,
        database: Connection,
        report: Report,
        restored: Restored | None = None,
    ) -> None:
        self._restored = restored
        self._trail, self._queue, self._database = trail, queue, database
        self._report, self._progress = report, Progress()
        self._maybe_moving: list[tuple[Kind, str]] = []

    def compare(self, audit_directory: Path) -> None:
        """Audit first, queue second, database last: the way that an order goes, so that none
        is missed because it moves on meanwhile."""
        began = datetime.now(UTC)
        self._read_audit(audit_directory)
        contents = read_queue(self._queue, self._progress)
        places: Counter[str] = Counter(dict.fromkeys(("stored", "purged", "waiting", "dead"), 0))
        for batch in self._trail.batches():
            self._find(batch, contents, places)
            self._progress.update(places.total(), "orders compared")
        self._report.counts.update(places)
        self._report_conflicts()
        self._report_orders_without_audit(contents, until=began - _UNDER_WAY)
        self._report_stray_entries(contents)

    def _read_audit(self, directory: Path) -> None:
        files = list_audit_files(directory)
        if not files:
            raise NoAuditFiles(f"there is no audit file in {directory}")
        for audit_file in files:
            for number in self._trail.read(audit_file, self._progress):
                self._add(Kind.UNREADABLE_LINE, f"{audit_file.path.name}:{number}")
        self._report.counts.update(
            audit_files=len(files),
            audit_lines=self._trail.lines,
            accepted_orders=self._trail.orders,
        )

    def _find(self, batch: list[Accepted], contents: QueueContents, places: Counter[str]) -> None:
        ids = [accepted.order_id for accepted in batch]
        here = {
            "stored": find_stored(self._database, ids),
            "purged": find_purged(self._database, ids),
            "waiting": contents.waiting.accepted_at,
            "dead": contents.dead.accepted_at,
        }
        for accepted in batch:
            found = {place for place, orders in here.items() if accepted.order_id in orders}
            places.update(found)
            if not found:
                self._add(
                    self._kind_of_missing(accepted),
                    accepted.order_id,
                    f"accepted {accepted.accepted_at}",
                )
            for together, kind in _CONFLICTS:
                if together <= found and "waiting" in together:
                    self._maybe_moving.append((kind, accepted.order_id))
                elif together <= found:
                    self._add(kind, accepted.order_id)

    def _kind_of_missing(self, accepted: Accepted) -> Kind:
        moment = datetime.fromisoformat(accepted.accepted_at)
        explained = self._restored is not None and self._restored.explains(moment)
        return Kind.AFTER_BACKUP if explained else Kind.LOST

    def _report_conflicts(self) -> None:
        """Most orders seen in the stream and elsewhere were only settled while this looked on."""
        if not self._maybe_moving:
            return
        still = read_waiting(self._queue, self._progress).accepted_at
        for kind, order_id in self._maybe_moving:
            if order_id in still:
                self._add(kind, order_id)

    def _report_orders_without_audit(self, contents: QueueContents, until: datetime) -> None:
        """Since the first line only: older files may have been removed."""
        if self._trail.since is None:
            return
        since = datetime.fromisoformat(self._trail.since)
        for page in list_stored(self._database, since=since, until=until):
            for order_id in self._trail.without_line(page):
                self._add(Kind.WITHOUT_AUDIT, order_id, "stored")
        for where, entries in ((ORDERS, contents.waiting), (DEAD, contents.dead)):
            for order_id in self._trail.without_line(entries.accepted_between(since, until)):
                self._add(Kind.WITHOUT_AUDIT, order_id, f"in {where}")

    def _report_stray_entries(self, contents: QueueContents) -> None:
        for guest in sorted(contents.guests_without_entry):
            self._add(Kind.PENDING_WITHOUT_ENTRY, guest)
        for where, entries in ((ORDERS, contents.waiting), (DEAD, contents.dead)):
            for entry_id in entries.unreadable:
                self._add(Kind.UNREADABLE_ENTRY, entry_id, f"in {where}")

    def _add(self, kind: Kind, subject: str, detail: str = "") -> None:
        self._report.add(Difference(kind, subject, detail))
