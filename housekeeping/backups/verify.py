"""Look at backups again: checksums, every byte decompressed, every row as the manifest counts it.

Without names the newest one; `--all` for each. A damaged backup is marked, and never restored,
tried or counted on afterwards. An encrypted one is read whole only with BACKUP_IDENTITY.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from housekeeping.backups import sqlite
from housekeeping.backups.dump_text import DumpText
from housekeeping.backups.encryption import Decryption
from housekeeping.backups.folder import VERIFYING, Backup, list_backups
from housekeeping.backups.manifest import Facts, Kind, Level, Manifest
from housekeeping.backups.measurements import record_newest_verified
from housekeeping.backups.streams import Damage, check_file, opened, write_content
from housekeeping.failures import CouldNot
from housekeeping.lock import locked
from housekeeping.result import add_json_argument, human_size, show
from housekeeping.settings import HousekeepingSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="name", help="of a backup, as `status` has it")
    parser.add_argument("--all", action="store_true", help="every backup there is")
    add_json_argument(parser)


def run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    """1 if any is damaged."""
    folder = settings.backup_directory
    chosen = choose(folder, options.names, every=options.all)
    decryption = Decryption(settings.backup_identity.get_secret_value())
    with locked(folder, "reading", "verify", shared=True):
        findings = [_look_at(backup, decryption) for backup in chosen]
        record_newest_verified(list_backups(folder))
    results = [asdict(finding) for finding in findings]
    show({"backups": results}, list(map(str, findings)), as_json=options.json)
    return 1 if any(finding.faults for finding in findings) else 0


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
    faults = verify_and_note(backup, decryption)
    size = backup.manifest.size if backup.manifest else 0
    seconds = round(time.monotonic() - began, 3)
    return Finding(backup.name, _level(backup, decryption), size, seconds, faults)


def choose(folder: Path, names: Sequence[str], *, every: bool = False) -> list[Backup]:
    """Those named, all, or the newest. Raises `CouldNot` without any."""
    backups = list_backups(folder)
    if not backups:
        raise CouldNot(f"there is no backup in {folder}: take one with `backup`")
    if every:
        return backups
    if not names:
        return backups[-1:]
    known = {backup.name: backup for backup in backups}
    if unknown := [name for name in names if name not in known]:
        raise CouldNot(f"there is no backup {unknown[0]} in {folder}: `status` lists them")
    return [known[name] for name in names]


def verify_and_note(backup: Backup, decryption: Decryption) -> list[str]:
    """Its faults; the finding is kept with the backup."""
    began = time.monotonic()
    faults = find_faults(backup, decryption)
    if faults:
        backup.note_damaged(faults)
    else:
        backup.note_verified(_level(backup, decryption), time.monotonic() - began)
    return faults


def find_faults(backup: Backup, decryption: Decryption) -> list[str]:
    manifest = backup.manifest
    if manifest is None:
        return ["its manifest is missing or damaged"]
    faults = []
    for file in manifest.files:
        try:
            check_file(backup.path, file)
        except Damage as damage:
            faults.append(str(damage))
    if not faults and decryption.can_read(manifest.encryption):
        try:
            _compare(manifest, *_read_contents(backup, manifest, decryption))
            _read_queue(backup, manifest, decryption)
        except Damage as damage:
            faults.append(str(damage))
    return faults


def _level(backup: Backup, decryption: Decryption) -> Level:
    method = backup.manifest.encryption if backup.manifest else "none"
    return Level.CONTENTS if decryption.can_read(method) else Level.CHECKSUMS


def _read_contents(
    backup: Backup, manifest: Manifest, decryption: Decryption
) -> tuple[dict[str, Facts], str | None]:
    with opened(backup.path, manifest.database, decryption) as content:
        if manifest.kind is not Kind.SQLITE:
            dumped = DumpText()
            dumped.read(content)
            return dumped.tables, dumped.revision
        with tempfile.TemporaryDirectory(dir=backup.path.parent, prefix=VERIFYING) as place:
            path = Path(place) / "arloji.db"
            write_content(content, path)
            return sqlite.read_facts(path)


def _read_queue(backup: Backup, manifest: Manifest, decryption: Decryption) -> None:
    if manifest.queue:
        with opened(backup.path, manifest.queue.file, decryption) as content:
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
