"""Could everything be restored today?"""

from contracts import telemetry
from observability.dashboards.housekeeping.queries import daily, last, since_success
from observability.dashboards.names import gauge
from observability.dashboards.panels import Panel, Query, Row

HOUR, DAY = 3600, 86_400
_MISSING = gauge(telemetry.RECONCILE_DIFFERENCES) + '{kind=~"lost|after_backup"}'

BACKUPS = Row(
    "Backups and orders",
    [
        Panel(
            "Newest verified backup",
            "Its age: what was ordered since would have to come back from the queue and by "
            "retries. Red from 26 hours on: the alert BackupTooOld says what to do.",
            [Query(f"time() - {last(telemetry.BACKUP_NEWEST_VERIFIED)}")],
            kind="stat",
            unit="s",
            width=6,
            height=5,
            warn=25 * HOUR,
            bad=26 * HOUR,
        ),
        Panel(
            "Last good drill",
            "How long ago a backup was restored on trial and was right. Red from eight days on: "
            "`python -m housekeeping drill` says what is in the way.",
            [Query(since_success('command="drill"'))],
            kind="stat",
            unit="s",
            width=6,
            height=5,
            warn=7 * DAY + 6 * HOUR,
            bad=8 * DAY,
        ),
        Panel(
            "Orders that are nowhere",
            "Accepted, and neither stored, nor waiting, nor a dead letter, by the last "
            "reconciliation. Any: the alert ReconcileDifference says what to do.",
            [Query(f"sum(last_over_time(max by (kind) ({_MISSING})[1d:1m]))")],
            kind="stat",
            width=6,
            height=5,
            warn=1,
            bad=1,
        ),
        Panel(
            "Drill: seconds",
            "How long the last one took, which is about what a real restore takes. Longer than "
            "the shop may be down: its database has outgrown backups of this kind.",
            [Query(last(telemetry.HOUSEKEEPING_DURATION, '{command="drill"}'))],
            kind="stat",
            unit="s",
            width=6,
            height=5,
            warn=HOUR,
            bad=4 * HOUR,
        ),
        Panel(
            "Backup: bytes",
            "Of each backup, compressed. Half of yesterday's: is something missing? Rows beside "
            "it say what.",
            [Query(daily(telemetry.BACKUP_SIZE), "bytes")],
            unit="bytes",
        ),
        Panel(
            "Backup: rows",
            "Of all tables in each backup. They fall when old orders are purged, and never "
            "otherwise.",
            [Query(daily(telemetry.BACKUP_ROWS), "rows")],
        ),
        Panel(
            "Differences by kind",
            "What reconciliation found: lost orders page somebody, the other kinds are for "
            "information. `python -m housekeeping reconcile` names each.",
            [Query(daily(telemetry.RECONCILE_DIFFERENCES, "kind"), "{{kind}}")],
        ),
    ],
)
