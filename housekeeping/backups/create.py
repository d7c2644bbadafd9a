"""Take a backup of the database and of the queue, while the shop runs.

The backup is a folder of its own that appears whole or not at all, with a manifest: what is in it,
row by row, as of the snapshot. It is read back at once. Encrypted if BACKUP_RECIPIENT is a public
key of age or OpenPGP.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import URL, make_url

from housekeeping.backups import mysql, sqlite
from housekeeping.backups.dump_text import DumpText
from housekeeping.backups.encryption import Decryption, Encryption
from housekeeping.backups.folder import unfinished
from housekeeping.backups.manifest import (
    Facts,
    Kind,
    Manifest,
    Position,
    QueueCopy,
    StoredFile,
    seal,
)
from housekeeping.backups.measurements import record_backup, record_newest_verified
from housekeeping.backups.places import open_store
from housekeeping.backups.queue_copy import NoCopy, copy_queue, read_state
from housekeeping.backups.store import Backup, Store, list_backups, read_backup
from housekeeping.backups.streams import CHUNK, require_room, store
from housekeeping.backups.verify import verify_and_note
from housekeeping.failures import CouldNot
from housekeeping.progress import Progress
from housekeeping.queue_contents import open_queue
from housekeeping.result import add_json_argument, human_size, show
from housekeeping.settings import HousekeepingSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.add_argument("--without-queue", action="store_true", help="the database alone")
    add_json_argument(parser)


def run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    """1 if the backup is there but not as it should be."""
    began = time.monotonic()
    source, store = _source(settings), open_store(settings)
    if options.dry_run:
        line = f"would back up {source.describe()} to {store}"
        show({"dry_run": True, "would": line}, [line], as_json=options.json)
        return 0
    store.prepare()
    with store.locked("writing", "backup"):
        for name in store.remove_leftovers():
            print(f"removed {name}, which was never finished", file=sys.stderr)
        _require_room(store)
        backup = _Run(settings, source, store).take(with_queue=not options.without_queue)
        decryption = Decryption(settings.backup_identity.get_secret_value())
        with backup.fetched() as place:
            faults = verify_and_note(backup, place, decryption)
    record_newest_verified(list_backups(store))
    return _report(backup, faults, time.monotonic() - began, options)


def _report(backup: Backup, faults: list[str], seconds: float, options: argparse.Namespace) -> int:
    manifest = backup.manifest
    assert manifest is not None
    missing = None if options.without_queue else manifest.queue_missing
    good = not faults and not missing
    record_backup(manifest)
    result = {
        **{"name": manifest.name, "kind": manifest.kind, "size": manifest.size},
        **{"rows": manifest.rows, "seconds": round(seconds, 3), "encryption": manifest.encryption},
        **{"queue_missing": manifest.queue_missing, "faults": faults},
    }
    lines = [
        f"backed up {manifest.rows} rows of {len(manifest.tables)} tables"
        f" ({human_size(manifest.size)}) in {seconds:.1f} s: {backup.store}/{backup.name}",
        *([f"WITHOUT THE QUEUE: {missing}"] if missing else []),
        *(f"DAMAGED: {fault}" for fault in faults),
    ]
    show(result, lines, as_json=options.json)
    return 0 if good else 1


def _require_room(store: Store) -> None:
    """As much as the last one took and a half again."""
    sizes = [backup.manifest.size for backup in list_backups(store) if backup.manifest]
    if sizes:
        require_room(store.work, sizes[-1] * 3 // 2, shutil.disk_usage(store.work).free)


@dataclass(frozen=True)
class _Source:
    url: URL
    server: mysql.Server | None
    tool: mysql.Tool | None

    @property
    def kind(self) -> Kind:
        return self.server.kind if self.server else Kind.SQLITE

    def describe(self) -> str:
        return f"{self.kind} {self.url.render_as_string(hide_password=True)}"


def _source(settings: HousekeepingSettings) -> _Source:
    url = make_url(settings.backup_database_url or settings.database_url)
    if url.get_backend_name() == "sqlite":
        return _Source(url, None, None)
    server = mysql.find_server(url)
    return _Source(url, server, mysql.find_dump_tool(server.kind))


@dataclass(frozen=True)
class _Copied:
    file: StoredFile
    tables: dict[str, Facts]
    revision: str | None
    position: Position | None
    tool_version: str
    server_version: str


class _Run:
    def __init__(self, settings: HousekeepingSettings, source: _Source, store: Store) -> None:
        self._settings, self._source, self._store = settings, source, store
        self._encryption = Encryption(settings.backup_recipient)
        self._progress = Progress()

    def take(self, *, with_queue: bool) -> Backup:
        started = datetime.now(UTC)
        with unfinished(self._store, started, self._source.kind) as (name, path):
            # An order moves from the queue to the database: copied in this order, it is in one of
            # the two copies or in both.
            queue, missing = self._copy_queue(path) if with_queue else (None, "not asked for")
            snapshot = datetime.now(UTC)
            copied = self._copy_sqlite(path) if self._source.server is None else self._dump(path)
            if not copied.revision:
                raise CouldNot("the database has no schema of the shop: is this the right one?")
            manifest = Manifest(
                name=name,
                sequence=self._next_sequence(),
                kind=self._source.kind,
                encryption=self._encryption.method,
                started_at=started,
                snapshot_at=snapshot,
                finished_at=datetime.now(UTC),
                schema_revision=copied.revision,
                tables=copied.tables,
                position=copied.position,
                database=copied.file,
                queue=queue,
                queue_missing=missing,
                server_version=copied.server_version,
                tool_version=copied.tool_version,
            )
            files = [file.name for file in manifest.files]
            self._store.finish(path, name, files, seal(manifest))
            return read_backup(self._store, name)

    def _next_sequence(self) -> int:
        return max([0, *(backup.sequence for backup in list_backups(self._store))]) + 1

    def _copy_queue(self, path: Path) -> tuple[QueueCopy | None, str | None]:
        """A queue that is away is no reason to be without a backup of the database too."""
        target = path / "queue.rdb"
        try:
            with open_queue(self._settings.queue_redis_url) as client:
                # Before the copy: what is older than it and not in it was stored meanwhile.
                state = read_state(client)
                file = store(self._counted(copy_queue(client), "queue"), target, self._encryption)
        except (RedisError, NoCopy) as error:
            for left in path.glob(f"{target.name}*"):
                left.unlink()
            return None, str(error).splitlines()[0]
        values: dict[str, Any] = {
            **{"entries": state.entries, "dead": state.dead, "oldest_entry": state.oldest_entry}
        }
        return QueueCopy(file=file, **values), None

    def _dump(self, path: Path) -> _Copied:
        server, tool = self._source.server, self._source.tool
        assert server is not None
        assert tool is not None
        dumped = DumpText()
        text = dumped.watch(mysql.dump(server, tool, self._source.url.database or ""))
        file = store(self._counted(text, "dump"), path / "database.sql", self._encryption)
        return _Copied(
            file, dumped.tables, dumped.revision, dumped.position, tool.version, server.version
        )

    def _copy_sqlite(self, path: Path) -> _Copied:
        import sqlite3

        plain = path / "plain.db"
        sqlite.copy(sqlite.database_path(self._source.url), plain)
        tables, revision = sqlite.read_facts(plain)
        with plain.open("rb") as file:
            chunks = iter(lambda: file.read(CHUNK), b"")
            stored = store(self._counted(chunks, "copy"), path / "arloji.db", self._encryption)
        plain.unlink()
        version = sqlite3.sqlite_version
        return _Copied(stored, tables, revision, None, f"sqlite3 {version}", version)

    def _counted(self, chunks: Iterable[bytes], what: str) -> Iterator[bytes]:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            self._progress.update(size >> 20, f"MiB of the {what} written")
            yield chunk
