"""Copy the binary logs of MySQL or MariaDB beside the backups, the one in use as far as it goes.

With them `restore --until` goes on from a backup to a later moment, also when the database's own
disk is lost: what was committed since the last run of this command is then missing. A run that
finds nothing new leaves a few bytes that say so. Once an hour is usual.
"""

import argparse
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url

from housekeeping.backups import mysql
from housekeeping.backups.binary_logs.entries import (
    Log,
    LogManifest,
    begun_at,
    find_log_faults,
    list_entries,
    number_of,
    read_entry,
)
from housekeeping.backups.binary_logs.server import copy_logs, list_logs
from housekeeping.backups.encryption import Encryption
from housekeeping.backups.folder import VERIFYING, unfinished
from housekeeping.backups.manifest import seal
from housekeeping.backups.places import open_store
from housekeeping.backups.restored import read_restored
from housekeeping.backups.store import LOGS, Store
from housekeeping.backups.streams import read_file, require_room
from housekeeping.backups.streams import store as store_file
from housekeeping.failures import CouldNot
from housekeeping.result import add_json_argument, human_size, show
from housekeeping.settings import HousekeepingSettings
from housekeeping.work_folder import work_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json_argument(parser)


def run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    url = make_url(settings.backup_database_url or settings.database_url)
    if url.get_backend_name() == "sqlite":
        show({"logs": []}, ["SQLite has no binary log: nothing to do"], as_json=options.json)
        return 0
    server = mysql.find_server(url)
    if not server.has_binary_log:
        raise CouldNot(f"the binary log of {server.kind} is off: there is nothing to copy")
    store = open_store(settings)
    store.prepare()
    with store.locked("writing", "archive-logs"):
        store.remove_leftovers()
        entry = _Run(settings, server, store).take()
        if faults := find_log_faults(store, entry.name):
            raise CouldNot(f"{entry.name} is damaged: {faults[0]}")
    size = sum(log.file.size for log in entry.logs)
    names = [log.name for log in entry.logs]
    result = {"name": entry.name, "series": entry.series, "logs": names, "size": size}
    line = f"{len(names)} binary logs copied ({human_size(size)}), {entry.last} is the last"
    show(result, [line], as_json=options.json)
    return 0


class _Run:
    def __init__(self, settings: HousekeepingSettings, server: mysql.Server, store: Store) -> None:
        self._settings, self._server, self._store = settings, server, store
        self._encryption = Encryption(settings.backup_recipient)

    def take(self) -> LogManifest:
        present, newest = list_logs(self._server), self._newest()
        restored = read_restored(self._settings.backup_directory)
        since = restored.restored_at if restored else None
        # What a restore moved cannot be done again from a log.
        is_over = newest and since and since > newest.taken_at
        if newest and newest.last in present and not is_over:
            with self._copied(present, newest.last) as copied:
                if self._goes_on(newest, copied[0]):
                    return self._keep((newest.series, newest.since), copied, newest)
        if newest:
            reason = f"nothing goes on from {newest.last}: a new series of copies begins"
            print(reason, file=sys.stderr)
        with self._copied(present, next(iter(present))) as copied:
            return self._keep((uuid.uuid4().hex, since), copied, None)

    def _newest(self) -> LogManifest | None:
        names = list_entries(self._store)
        return read_entry(self._store, names[-1]) if names else None

    @contextmanager
    def _copied(self, present: Mapping[str, int], first: str) -> Iterator[list[Path]]:
        # As they are, and compressed beside that: seldom more than a third.
        size = sum(size for name, size in present.items() if number_of(name) >= number_of(first))
        require_room(self._store.work, size * 4 // 3, shutil.disk_usage(self._store.work).free)
        with work_folder(self._store.work, VERIFYING) as place:
            # What is committed from here on may be in the copy or not.
            self._moment = datetime.now(UTC)
            copy_logs(self._server, first, place)
            yield sorted(place.iterdir(), key=lambda path: number_of(path.name))

    def _goes_on(self, newest: LogManifest, path: Path) -> bool:
        """Whether it is the same log, and not another server's of the same name."""
        known = self._begun(newest)
        return path.stat().st_size >= newest.last_size and known == begun_at(path)

    def _begun(self, newest: LogManifest) -> datetime | None:
        for name in reversed(list_entries(self._store)):
            entry = read_entry(self._store, name)
            for log in entry.logs if entry else ():
                if log.name == newest.last and entry and entry.series == newest.series:
                    return log.begun_at
        return None

    def _keep(
        self,
        series: tuple[str, datetime | None],
        paths: Sequence[Path],
        before: LogManifest | None,
    ) -> LogManifest:
        last = paths[-1]
        size = last.stat().st_size
        # Entries go by their names, also after a clock that ran ahead was set right.
        newest = next(reversed(list_entries(self._store)), "")
        with unfinished(self._store, self._moment, LOGS.lstrip("-"), newest) as (name, place):
            logs = []
            for path in paths:
                # Unless nothing was written to it since.
                if not before or len(paths) > 1 or size > before.last_size:
                    stored = store_file(read_file(path), place / path.name, self._encryption)
                    closed = path is not last
                    begun = begun_at(path)
                    logs.append(Log(name=path.name, begun_at=begun, closed=closed, file=stored))
            entry = LogManifest(
                name=name,
                series=series[0],
                since=series[1],
                kind=self._server.kind,
                schema_name=self._server.url.database or "",
                encryption=self._encryption.method,
                taken_at=self._moment,
                logs=logs,
                last=last.name,
                last_size=size,
            )
            self._store.finish(place, name, [log.file.name for log in logs], seal(entry))
            return entry
