"""MySQL and both Redis, as their exporters and as the services see them. A module a row."""

from observability.dashboards.data.cache import CACHE
from observability.dashboards.data.mysql import MYSQL, STATEMENTS
from observability.dashboards.data.queue import QUEUE_REDIS
from observability.dashboards.layout import dashboard
from observability.dashboards.panels import Json


def data() -> Json:
    return dashboard(
        "arloji-data",
        "Data",
        "MySQL, the queue Redis and the cache: are they fast, and is there room?",
        [MYSQL, STATEMENTS, CACHE, QUEUE_REDIS],
    )
