"""Copies of binary logs in a store: each run of `archive-logs` leaves one entry.

A log is known by its name and by when it was begun, as names begin anew with a new server. Entries
of one series follow each other without a gap: where one may be, another series begins."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from housekeeping.backups.manifest import Kind, Manifest, Position, StoredFile, unseal
from housekeeping.backups.store import LOGS, MANIFEST, Store
from housekeeping.backups.streams import Damage, check_file
from housekeeping.failures import CouldNot

# https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication_binlog_event.html
_MAGIC, _HEADER = b"\xfebin", struct.Struct("<IB")


class Log(BaseModel):
    """One binary log, from its beginning as far as it went when it was copied. `closed`: that is
    all of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    begun_at: datetime
    closed: bool
    file: StoredFile

    @property
    def number(self) -> int:
        return number_of(self.name)


class LogManifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    series: str
    # A restore moved tables before that: no backup from before goes on in this series.
    since: datetime | None
    kind: Kind
    # Of the shop, among others that may be in the logs.
    schema_name: str
    encryption: Literal["none", "age", "gpg"]
    # Everything that was committed before is in the series up to here.
    taken_at: datetime
    # Without those that have nothing that the entries before lack.
    logs: list[Log]
    # The last one, whether it is among those or not.
    last: str
    last_size: int


@dataclass(frozen=True)
class Copied:
    """A log, and the entry that its longest copy is in."""

    log: Log
    entry: str


@dataclass(frozen=True)
class Chain:
    """Logs that follow each other, from the one that a backup ends in."""

    logs: Sequence[Copied]
    schema: str
    reaches: datetime
    encryption: Literal["none", "age", "gpg"]


def number_of(name: str) -> int:
    return int(name.rpartition(".")[2])


def begun_at(path: Path) -> datetime:
    """By its first event. Raises `CouldNot` if it is no binary log."""
    with path.open("rb") as file:
        head = file.read(len(_MAGIC) + _HEADER.size)
    if not head.startswith(_MAGIC) or len(head) < len(_MAGIC) + _HEADER.size:
        raise CouldNot(f"what the server sent as {path.name} is no binary log")
    seconds, _ = _HEADER.unpack_from(head, len(_MAGIC))
    return datetime.fromtimestamp(seconds, UTC)


def list_entries(store: Store) -> list[str]:
    """The oldest first, by their names."""
    return sorted(name for name in store.files() if name.endswith(LOGS))


def read_entry(store: Store, name: str) -> LogManifest | None:
    """None if it cannot be read."""
    try:
        found = unseal(store.read(name, MANIFEST), LogManifest)
    except (OSError, ValueError):
        return None
    return found if found.name == name else None


def find_chain(store: Store, manifest: Manifest) -> Chain:
    """Of the series that has the log of the backup's position. Raises `CouldNot` if it has a gap,
    or if there is none."""
    position = manifest.position
    if position is None:
        raise CouldNot(f"{manifest.name} has no position in a binary log to go on from")
    entries = list(_read_since(store, manifest))
    chosen = _series_of(position, manifest, entries)
    copies = {log.number: Copied(log, entry.name) for entry in chosen for log in entry.logs}
    first, last = number_of(position.file), number_of(chosen[-1].last)
    for number in range(first, last + 1):
        copied = copies.get(number)
        if copied is None or (number < last and not copied.log.closed):
            raise CouldNot(
                f"of the binary logs after {manifest.name} number {number} is missing or not whole,"
                f" and {last} is there: only `restore` without --until is possible"
            )
    logs = [copies[number] for number in range(first, last + 1)]
    if logs[-1].log.file.content_size < chosen[-1].last_size:
        raise CouldNot(f"of the last binary log, {chosen[-1].last}, the end is missing")
    newest = chosen[-1]
    return Chain(logs, newest.schema_name, newest.taken_at, newest.encryption)


def _series_of(
    position: Position, manifest: Manifest, entries: Sequence[LogManifest]
) -> list[LogManifest]:
    begin = [
        (log.begun_at, entry.series)
        for entry in entries
        for log in entry.logs
        if log.name == position.file and log.begun_at <= manifest.snapshot_at
        if entry.since is None or entry.since <= manifest.snapshot_at
    ]
    if not begin:
        raise CouldNot(
            f"there is no copy of binary log {position.file}, which goes on after {manifest.name}:"
            " `archive-logs` makes them"
        )
    series = max(begin)[1]
    return [entry for entry in entries if entry.series == series]


def _read_since(store: Store, manifest: Manifest) -> Iterator[LogManifest]:
    """Entries from before a backup lack what is sought, and those that cannot be read are a gap if
    anything in them is missing."""
    for name in list_entries(store):
        entry = read_entry(store, name)
        if entry and entry.taken_at >= manifest.snapshot_at:
            yield entry


def find_log_faults(store: Store, name: str) -> list[str]:
    """By reading every byte back."""
    entry = read_entry(store, name)
    if entry is None:
        return ["its manifest is missing or damaged"]
    faults = []
    with store.fetched(name, [log.file for log in entry.logs]) as place:
        for log in entry.logs:
            try:
                check_file(place, log.file)
            except Damage as damage:
                faults.append(str(damage))
    return faults
