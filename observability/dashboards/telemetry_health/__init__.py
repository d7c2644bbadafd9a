"""Whether what the stack says about itself arrives, is kept and is looked at. A module a row."""

from observability.dashboards.layout import dashboard
from observability.dashboards.panels import Json
from observability.dashboards.telemetry_health.collector import COLLECTOR
from observability.dashboards.telemetry_health.sources import SOURCES
from observability.dashboards.telemetry_health.stores import ROOM, STORES


def telemetry_health() -> Json:
    return dashboard(
        "arloji-telemetry",
        "Telemetry health",
        "Whether metrics, logs and traces arrive, are kept and raise alerts.",
        [SOURCES, COLLECTOR, STORES, ROOM],
        since="now-1h",
    )
