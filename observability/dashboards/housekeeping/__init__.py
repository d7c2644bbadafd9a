"""Whether the work around the shop is done, and what it leaves. A module a row."""

from observability.dashboards.housekeeping.backups import BACKUPS
from observability.dashboards.housekeeping.logs import LOG_FILES
from observability.dashboards.housekeeping.runs import RUNS
from observability.dashboards.layout import dashboard
from observability.dashboards.panels import Json


def housekeeping() -> Json:
    return dashboard(
        "arloji-housekeeping",
        "Housekeeping",
        "Backups, drills, purges, log files: whether each was done, and what it left.",
        [BACKUPS, RUNS, LOG_FILES],
        since="now-7d",
        refresh="1m",
    )
