"""The first page to look at: does the shop take orders, and what limits it. A module a row."""

from observability.dashboards.overview.orders import ORDERS
from observability.dashboards.overview.requests import REQUESTS_ROW
from observability.dashboards.overview.resources import RESOURCES
from observability.dashboards.overview.servers import SERVERS
from observability.dashboards.overview.telemetry import TELEMETRY
from observability.dashboards.panels import Json, dashboard


def overview() -> Json:
    return dashboard(
        "arloji-overview",
        "Arloji",
        "Whether the shop takes orders, and what limits it.",
        [ORDERS, REQUESTS_ROW, SERVERS, RESOURCES, TELEMETRY],
    )
