"""Where the time of a request goes, and which hop fails. A module a row."""

from observability.dashboards.layout import dashboard
from observability.dashboards.panels import Json
from observability.dashboards.queries import service_variable
from observability.dashboards.request_path.admission import ADMISSION
from observability.dashboards.request_path.failures import FAILURES
from observability.dashboards.request_path.hops import HOPS
from observability.dashboards.request_path.replicas import REPLICAS
from observability.dashboards.request_path.routes import ROUTES

UID = "arloji-request-path"


def request_path() -> Json:
    return dashboard(
        UID,
        "Request path",
        "Where the time of a request goes, and which hop fails.",
        [HOPS, ROUTES, REPLICAS, ADMISSION, FAILURES],
        variables=[service_variable()],
    )
