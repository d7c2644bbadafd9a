"""The first page to look at: does the shop take orders, and what limits it. A module a row."""

from tools.dashboards.overview.orders import ORDERS
from tools.dashboards.overview.requests import REQUESTS_ROW
from tools.dashboards.overview.resources import RESOURCES
from tools.dashboards.overview.servers import SERVERS
from tools.dashboards.overview.telemetry import TELEMETRY
from tools.dashboards.panels import Json, dashboard


def overview() -> Json:
    return dashboard(
        "arloji-overview",
        "Arloji",
        "Whether the shop takes orders, and what limits it.",
        [ORDERS, REQUESTS_ROW, SERVERS, RESOURCES, TELEMETRY],
    )
