"""Try the newest good backup: restore it into a database of its own, and look at that.

A database server from PATH is started in a temporary folder, without a network; of SQLite a new
file. Schema, rows, digests and what always holds in a shop are checked: a product's stock is the
sum of its ledger, each order has items, totals are those of the items.
"""

import argparse
import time
from contextlib import ExitStack
from pathlib import Path

from housekeeping.backups import mysql, sqlite
from housekeeping.backups.encryption import Decryption
from housekeeping.backups.manifest import Kind, Level, Manifest
from housekeeping.backups.measurements import record_newest_verified
from housekeeping.backups.order_counts import find_contradictions
from housekeeping.backups.places import open_store
from housekeeping.backups.scratch_server import end_leftover, scratch_server
from housekeeping.backups.selection import chosen_good
from housekeeping.backups.store import Backup, list_backups
from housekeeping.backups.streams import opened, write_content
from housekeeping.backups.targets import Found, read_dump
from housekeeping.backups.verify import differences
from housekeeping.result import add_json_argument, show
from housekeeping.settings import HousekeepingSettings
from housekeeping.work_folder import work_folder

_PREFIX = "arloji-drill-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="of the backup; without, the newest good one")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("/var/tmp"),
        metavar="FOLDER",
        help="where there is room for the whole database (/var/tmp)",
    )
    add_json_argument(parser)


def run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    """1 if what was restored is not what was backed up, or contradicts itself."""
    began = time.monotonic()
    store = open_store(settings)
    store.require()
    decryption = Decryption(settings.backup_identity.get_secret_value())
    with (
        store.locked("reading", "drill", shared=True),
        work_folder(options.work, _PREFIX, end_leftover) as place,
        chosen_good(store, options.name, decryption) as (backup, manifest, files),
    ):
        wrong, contradictions = _try(files, manifest, decryption, place)
        seconds = time.monotonic() - began
        if wrong:
            backup.note_damaged(wrong)
        elif not contradictions:
            backup.note_verified(Level.DRILL, seconds)
        record_newest_verified(list_backups(store))
    return _report(backup, manifest, seconds, (wrong, contradictions), as_json=options.json)


def _report(
    backup: Backup,
    manifest: Manifest,
    seconds: float,
    found: tuple[list[str], list[str]],
    *,
    as_json: bool,
) -> int:
    wrong, contradictions = found
    good = not wrong and not contradictions
    result = {
        **{"name": backup.name, "rows": manifest.rows, "seconds": round(seconds, 3)},
        **{"faults": wrong, "contradictions": contradictions},
    }
    lines = [
        *(f"NOT WHAT WAS BACKED UP: {fault}" for fault in wrong),
        *(f"CONTRADICTION: {one}" for one in contradictions),
        f"{'restored' if good else 'tried'} {backup.name}: {manifest.rows} rows of"
        f" {len(manifest.tables)} tables in {seconds:.1f} s",
    ]
    show(result, lines, as_json=as_json)
    return 0 if good else 1


def _try(
    files: Path, manifest: Manifest, decryption: Decryption, place: Path
) -> tuple[list[str], list[str]]:
    with ExitStack() as stack:
        content = stack.enter_context(opened(files, manifest.database, decryption))
        if manifest.kind is Kind.SQLITE:
            path = place / "arloji.db"
            write_content(content, path)
            found: Found = sqlite.read_facts(path)
            url = f"sqlite:///{path}"
        else:
            address = stack.enter_context(scratch_server(manifest.kind, place))
            server = mysql.find_server(address)
            mysql.load(server, address.database or "", content)
            found = read_dump(server, address.database or "")
            url = address.render_as_string(hide_password=False)
        return differences(manifest, *found), find_contradictions(url)
