"""Remove old backups: the newest verified one of each of the last days, weeks and months stays.

Days, weeks and months without a backup do not count, so that a schedule that stopped costs none.
An unverified backup replaces no verified one, and whatever is newer than the newest verified one
stays. Without a verified backup nothing is removed.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from housekeeping.backups.binary_logs.entries import list_entries
from housekeeping.backups.places import open_store
from housekeeping.backups.store import Backup, Store, list_backups
from housekeeping.measurements import record_freed
from housekeeping.result import add_json_argument, human_size, show
from housekeeping.settings import HousekeepingSettings


@dataclass(frozen=True)
class Retention:
    daily: int = 7
    weekly: int = 5
    monthly: int = 3


_PERIODS: tuple[tuple[str, Callable[[datetime], tuple[int, ...]]], ...] = (
    ("daily", lambda moment: (moment.year, moment.month, moment.day)),
    ("weekly", lambda moment: tuple(moment.isocalendar()[:2])),
    ("monthly", lambda moment: (moment.year, moment.month)),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for period, _ in _PERIODS:
        usual = getattr(Retention, period)
        parser.add_argument(
            f"--{period}", type=_number, default=usual, metavar="N", help=f"how many stay ({usual})"
        )
    parser.add_argument("--dry-run", action="store_true", help="say what would be removed")
    add_json_argument(parser)


def _number(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    """1 if nothing may be removed because no backup is verified."""
    store = open_store(settings)
    store.require()
    retention = Retention(options.daily, options.weekly, options.monthly)
    with (
        store.locked("writing", "purge-backups"),
        store.locked("reading", "purge-backups"),
    ):
        backups = list_backups(store)
        doomed = choose_doomed(backups, retention)
        sizes = {backup.name: sum(backup.files.values()) for backup in doomed}
        sizes |= _old_logs(store, backups, retention)
        freed = sum(sizes.values())
        if not options.dry_run:
            store.remove_leftovers()
            for name in sizes:
                print(f"… removing {name}", file=sys.stderr)
                store.remove(name)
    record_freed(options, freed)
    good = not backups or any(backup.is_good for backup in backups)
    kept = [backup.name for backup in backups if backup not in doomed]
    result = {
        **{"dry_run": options.dry_run, "removed": list(sizes)},
        **{"kept": kept, "freed": freed},
    }
    show(result, _lines(sizes, kept, good=good, options=options), as_json=options.json)
    return 0 if good else 1


def _lines(
    sizes: Mapping[str, int], kept: Sequence[str], *, good: bool, options: argparse.Namespace
) -> list[str]:
    verb = "would remove" if options.dry_run else "removed"
    lines = [f"{verb} {name} ({human_size(size)})" for name, size in sizes.items()]
    if not good:
        lines.append("NO BACKUP IS VERIFIED, so all stay: `verify --all` looks at each")
    freed = human_size(sum(sizes.values()))
    return [*lines, f"{verb} {len(sizes)}, {freed}; {len(kept)} stay"]


def _old_logs(store: Store, backups: Sequence[Backup], retention: Retention) -> dict[str, int]:
    """Copies of binary logs from before the oldest backup that stays for its day."""
    good = [backup for backup in backups if backup.is_good]
    days = _newest_of(good, _PERIODS[0][1])[: max(retention.daily, 1)]
    if not days:
        return {}
    first = f"{days[-1].moment:%Y%m%dT%H%M%SZ}"
    files = store.files()
    return {name: sum(files[name].values()) for name in list_entries(store) if name < first}


def choose_doomed(backups: Sequence[Backup], retention: Retention) -> list[Backup]:
    """Of backups in their order, the oldest first. The newest good one is never among them."""
    good = [backup for backup in backups if backup.is_good]
    if not good:
        return []
    newest = backups.index(good[-1])
    # Twice: by themselves the good ones fill every place; those that may yet be verified have
    # places too, beside them.
    stay = {backup.name for backup in (*_retained(good, retention), *backups[newest:])}
    stay |= {backup.name for backup in _retained(backups, retention)}
    return [backup for backup in backups if backup.name not in stay]


def _retained(backups: Sequence[Backup], retention: Retention) -> list[Backup]:
    retained = []
    for period, key in _PERIODS:
        retained += _newest_of(backups, key)[: getattr(retention, period)]
    return retained


def _newest_of(
    backups: Sequence[Backup], key: Callable[[datetime], tuple[int, ...]]
) -> list[Backup]:
    """The newest of each period, the last period first."""
    newest_of = {key(backup.moment): backup for backup in backups}
    return [backup for backup in reversed(backups) if newest_of[key(backup.moment)] is backup]
