"""Whether the work around the shop is done, and what it leaves. A module a row."""

from observability.dashboards.housekeeping.backups import BACKUPS
from observability.dashboards.housekeeping.logs import LOG_FILES
from observability.dashboards.housekeeping.runs import RUNS
from observability.dashboards.housekeeping.stores import STORES
from observability.dashboards.panels import Json, dashboard


def housekeeping() -> Json:
    return dashboard(
        "arloji-housekeeping",
        "Housekeeping",
        "Backups, drills, purges, log files and disks: whether each was done, and what it left.",
        [BACKUPS, RUNS, LOG_FILES, STORES],
        since="now-7d",
        refresh="1m",
    )
