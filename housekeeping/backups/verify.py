"""Look at backups again: checksums, every byte decompressed, every row as the manifest counts it.

Without names the newest one; `--all` for each. A damaged backup is marked, and never restored,
tried or counted on afterwards. An encrypted one is read whole only with BACKUP_IDENTITY.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from housekeeping.backups import sqlite
from housekeeping.backups.binary_logs.entries import find_log_faults, list_entries
from housekeeping.backups.dump_text import DumpText
from housekeeping.backups.encryption import Decryption
from housekeeping.backups.folder import VERIFYING
from housekeeping.backups.manifest import Facts, Kind, Level, Manifest
from housekeeping.backups.measurements import record_newest_verified
from housekeeping.backups.places import open_store
from housekeeping.backups.store import Backup, Store, list_backups
from housekeeping.backups.streams import Damage, check_file, opened, write_content
from housekeeping.failures import CouldNot
from housekeeping.result import add_json_argument, human_size, show
from housekeeping.settings import HousekeepingSettings
from housekeeping.work_folder import work_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="name", help="of a backup, as `status` has it")
    parser.add_argument(
        "--all", action="store_true", help="every backup there is, and every copy of binary logs"
    )
    add_json_argument(parser)


def run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    """1 if any is damaged."""
    store = open_store(settings)
    chosen = choose(store, options.names, every=options.all)
    decryption = Decryption(settings.backup_identity.get_secret_value())
    with store.locked("reading", "verify", shared=True):
        findings = [_look_at(backup, decryption) for backup in chosen]
        findings += _look_at_logs(store) if options.all else []
        record_newest_verified(list_backups(store))
    results = [asdict(finding) for finding in findings]
    show({"backups": results}, list(map(str, findings)), as_json=options.json)
    return 1 if any(finding.faults for finding in findings) else 0


def _look_at_logs(store: Store) -> list["Finding"]:
    findings = []
    for name in list_entries(store):
        began, size = time.monotonic(), sum(store.files()[name].values())
        faults = find_log_faults(store, name)
        seconds = round(time.monotonic() - began, 3)
        findings.append(Finding(name, Level.CHECKSUMS, size, seconds, faults))
    return findings


@dataclass(frozen=True)
class Finding:
    name: str
    level: Level
    size: int
    seconds: float
    faults: list[str]

    def __str__(self) -> str:
        if self.faults:
            return f"{self.name}: DAMAGED: {'; '.join(self.faults)}"
        size = human_size(self.size)
        return f"{self.name}: good ({self.level}, {size}, {self.seconds:.1f} s)"


def _look_at(backup: Backup, decryption: Decryption) -> Finding:
    began = time.monotonic()
    with backup.fetched() as place:
        faults = verify_and_note(backup, place, decryption)
    size = backup.manifest.size if backup.manifest else 0
    seconds = round(time.monotonic() - began, 3)
    return Finding(backup.name, _level(backup, decryption), size, seconds, faults)


def choose(store: Store, names: Sequence[str], *, every: bool = False) -> list[Backup]:
    """Those named, all, or the newest. Raises `CouldNot` without any."""
    backups = list_backups(store)
    if not backups:
        raise CouldNot(f"there is no backup in {store}: take one with `backup`")
    if every:
        return backups
    if not names:
        return backups[-1:]
    known = {backup.name: backup for backup in backups}
    if unknown := [name for name in names if name not in known]:
        raise CouldNot(f"there is no backup {unknown[0]} in {store}: `status` lists them")
    return [known[name] for name in names]


def verify_and_note(backup: Backup, place: Path, decryption: Decryption) -> list[str]:
    """The faults of what is in that folder; the finding is kept with the backup."""
    began = time.monotonic()
    faults = find_faults(backup, place, decryption)
    if faults:
        backup.note_damaged(faults)
    else:
        backup.note_verified(_level(backup, decryption), time.monotonic() - began)
    return faults


def find_faults(backup: Backup, place: Path, decryption: Decryption) -> list[str]:
    manifest = backup.manifest
    if manifest is None:
        return ["its manifest is missing or damaged"]
    faults = []
    for file in manifest.files:
        try:
            check_file(place, file)
        except Damage as damage:
            faults.append(str(damage))
    if not faults and decryption.can_read(manifest.encryption):
        try:
            _compare(manifest, *_read_contents(backup.store.work, place, manifest, decryption))
            _read_queue(place, manifest, decryption)
        except Damage as damage:
            faults.append(str(damage))
    return faults


def _level(backup: Backup, decryption: Decryption) -> Level:
    method = backup.manifest.encryption if backup.manifest else "none"
    return Level.CONTENTS if decryption.can_read(method) else Level.CHECKSUMS


def _read_contents(
    work: Path, place: Path, manifest: Manifest, decryption: Decryption
) -> tuple[dict[str, Facts], str | None]:
    with opened(place, manifest.database, decryption) as content:
        if manifest.kind is not Kind.SQLITE:
            dumped = DumpText()
            dumped.read(content)
            return dumped.tables, dumped.revision
        with work_folder(work, VERIFYING) as copied:
            path = copied / "arloji.db"
            write_content(content, path)
            return sqlite.read_facts(path)


def _read_queue(place: Path, manifest: Manifest, decryption: Decryption) -> None:
    if manifest.queue:
        with opened(place, manifest.queue.file, decryption) as content:
            for _ in content:
                pass


def _compare(manifest: Manifest, tables: dict[str, Facts], revision: str | None) -> None:
    if faults := differences(manifest, tables, revision):
        raise Damage("; ".join(faults))


def differences(manifest: Manifest, tables: dict[str, Facts], revision: str | None) -> list[str]:
    """Between what a backup says of itself and what was found."""
    faults = []
    if revision != manifest.schema_revision:
        faults.append(f"schema revision {revision} instead of {manifest.schema_revision}")
    for name in sorted(manifest.tables.keys() | tables.keys()):
        expected, found = manifest.tables.get(name), tables.get(name)
        if expected is None or found is None:
            faults.append(f"table {name} is {'missing' if found is None else 'not its own'}")
        elif expected.rows != found.rows:
            faults.append(f"{name} has {found.rows} rows instead of {expected.rows}")
        elif expected.digest != found.digest:
            faults.append(f"{name} has other content in its {found.rows} rows")
    return faults
