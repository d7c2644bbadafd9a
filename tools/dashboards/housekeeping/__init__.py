"""Whether the work around the shop is done, and what it leaves. A module a row."""

from tools.dashboards.housekeeping.backups import BACKUPS
from tools.dashboards.housekeeping.logs import LOG_FILES
from tools.dashboards.housekeeping.runs import RUNS
from tools.dashboards.housekeeping.stores import STORES
from tools.dashboards.panels import Json, dashboard


def housekeeping() -> Json:
    return dashboard(
        "arloji-housekeeping",
        "Housekeeping",
        "Backups, drills, purges, log files and disks: whether each was done, and what it left.",
        [BACKUPS, RUNS, LOG_FILES, STORES],
        since="now-7d",
        refresh="1m",
    )
