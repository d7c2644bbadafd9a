"""What the first order of a new stack leaves in its stores."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx

from tests import waiting
from tests.compose.project import ComposeProject
from tests.e2e.conftest import Guest
from tests.telemetry_stores import LogsStore, MetricsStore

PROMISED_SECONDS = 60


@dataclass(frozen=True)
class FirstTelemetry:
    metrics: MetricsStore
    logs: LogsStore
    receiver_url: str
    # What nothing else in the stack can be reached by: no port of it is published.
    alertmanager_url: str
    vmalert_urls: tuple[str, str]
    order: httpx.Response
    asked_at: float

    @property
    def trace_id(self) -> str:
        return self.order.headers["traceresponse"].split("-")[1]

    def in_time(self, look: Callable[[], set[str]], wanted: set[str]) -> None:
        """All of it is there before the promised time is over."""
        left = self.asked_at + PROMISED_SECONDS - time.monotonic()
        waiting.eventually(lambda: wanted - look(), lambda missing: not missing, max(0.0, left))

    def traces(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(
            f"{self.receiver_url}/api/traces", params={"limit": 500}
        ).json()["traces"]
        return found


def first_telemetry(project: ComposeProject) -> FirstTelemetry:
    """A customer's first steps in the shop, and where they must show."""
    asked_at = time.monotonic()
    guest = Guest(project.shop_url)
    with closing(guest.http):
        product = guest.product()
        for _ in range(3):
            guest.http.get(f"/products/{product['slug']}")
        guest.http.get("/api/products?q=a")
        guest.http.get("/nowhere/at/all")
        order = guest.post_order({product["product_id"]: 1})
        assert order.status_code == 202, order.text
        guest.http.get(order.json()["status_url"])
    return FirstTelemetry(
        MetricsStore(project.url("victoria-metrics", 8428)),
        LogsStore(project.url("victoria-logs", 9428)),
        project.telemetry_url,
        project.url("alertmanager", 9093),
        (project.url("vmalert", 8880), project.url("vmalert-logs", 8880)),
        order,
        asked_at,
    )
