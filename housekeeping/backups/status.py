"""Show the backups there are: how old, how large, how far each was verified, and the room left.

1 if there is no verified backup, the newest is damaged, or the newest verified one is older than
`--older-than` hours.
"""

import argparse
from datetime import UTC, datetime
from typing import Any

from housekeeping.backups.measurements import record_newest_verified
from housekeeping.backups.places import open_store
from housekeeping.backups.store import Backup, list_backups
from housekeeping.result import add_json_argument, human_age, human_size, show
from housekeeping.settings import HousekeepingSettings

_HOURS = 26.0  # a daily one, and two hours for it to be late
_CLOCKS_DIFFER_SECONDS = 600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--older-than",
        type=float,
        default=_HOURS,
        metavar="HOURS",
        help=f"how old the newest verified backup may be ({_HOURS:.0f})",
    )
    add_json_argument(parser)


def run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    store, now = open_store(settings), datetime.now(UTC)
    backups = list_backups(store)
    rows = [_describe(backup, now) for backup in backups]
    good = [row for row in rows if row["state"] == "verified"]
    free = store.free()
    complaints = _complain(rows, good, options.older_than)
    result = {
        **{"folder": str(store), "free": free, "backups": rows, "complaints": complaints},
        **{"newest": rows[-1] if rows else None, "newest_verified": good[-1] if good else None},
    }
    record_newest_verified(backups)
    lines = [f"{'backup':<26} {'age':>12} {'size':>10}  state", *map(_line, rows)]
    if free is not None:
        lines.append(f"{human_size(free)} free in {store}")
    show(result, [*lines, *complaints], as_json=options.json)
    return 1 if complaints else 0


def _describe(backup: Backup, now: datetime) -> dict[str, Any]:
    manifest, verified = backup.manifest, backup.verified
    damaged = manifest is None or backup.damaged
    return {
        "name": backup.name,
        "age_seconds": round((now - manifest.snapshot_at).total_seconds()) if manifest else None,
        "size": manifest.size if manifest else None,
        "rows": manifest.rows if manifest else None,
        "state": "damaged" if damaged else "verified" if verified else "unverified",
        "level": verified.level if verified else None,
        "verified_at": verified.verified_at.isoformat() if verified else None,
        "has_queue": manifest.queue is not None if manifest else None,
        "faults": backup.damaged.faults if backup.damaged else [],
    }


def _line(row: dict[str, Any]) -> str:
    age = "?" if row["age_seconds"] is None else human_age(row["age_seconds"])
    size = "?" if row["size"] is None else human_size(row["size"])
    level = f" ({row['level']})" if row["state"] == "verified" else ""
    faults = f": {'; '.join(row['faults'])}" if row["faults"] else ""
    return f"{row['name']:<26} {age:>12} {size:>10}  {row['state']}{level}{faults}"


def _complain(rows: list[dict[str, Any]], good: list[dict[str, Any]], hours: float) -> list[str]:
    if not rows:
        return ["there is no backup: take one with `backup`"]
    complaints = []
    if rows[-1]["state"] == "damaged":
        complaints.append("the newest backup is damaged: take another one with `backup`")
    if not good:
        complaints.append("no backup is verified: `verify --all` looks at each")
    elif good[-1]["age_seconds"] < -_CLOCKS_DIFFER_SECONDS:
        ahead = human_age(-good[-1]["age_seconds"])
        complaints.append(f"the newest verified backup is of {ahead} from now: is the clock right?")
    elif good[-1]["age_seconds"] > hours * 3600:
        age = human_age(good[-1]["age_seconds"])
        complaints.append(f"the newest verified backup is {age} old: take one with `backup`")
    return complaints
