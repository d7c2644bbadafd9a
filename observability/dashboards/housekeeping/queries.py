"""A run says something once, when it ends: its figures are looked for in the time before."""

from contracts import telemetry
from contracts.telemetry import Metric
from observability.dashboards.names import gauge

# Longer than the longest pause between two runs, a month between two drills included.
MEMORY = "[35d]"
# A figure is drawn for a day, which is how often most commands run.
DAY = "[1d]"

COMMAND = "{{command}} {{writer}}"


def last(metric: Metric, labels: str = "", by: str = "") -> str:
    """The newest of several series, for moments: the largest is the last."""
    return _largest(f"last_over_time({gauge(metric)}{labels}{MEMORY})", by)


def daily(metric: Metric, by: str = "") -> str:
    return _largest(f"last_over_time({gauge(metric)}{DAY})", by)


def since_success(labels: str = "", by: str = "") -> str:
    chosen = f'{{{labels}{", " * bool(labels)}outcome="success"}}'
    return f"time() - {last(telemetry.HOUSEKEEPING_LAST_RUN, chosen, by)}"


def _largest(series: str, by: str) -> str:
    return f"max{f' by ({by}) ' if by else ''}({series})"
