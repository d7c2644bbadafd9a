"""The first page to look at: does the shop take orders, and what limits it. A module a row; it fits
one screen, and what is beyond is one click away in the dashboard of each subject."""

from observability.dashboards.layout import dashboard
from observability.dashboards.overview.objectives import STATE
from observability.dashboards.overview.orders import ORDERS
from observability.dashboards.overview.requests import REQUESTS
from observability.dashboards.overview.saturation import SATURATION
from observability.dashboards.panels import Json


def overview() -> Json:
    return dashboard(
        "arloji-overview",
        "Shop overview",
        "Whether the shop takes orders, and what limits it.",
        [STATE, ORDERS, REQUESTS, SATURATION],
    )
