"""Alerts as Alertmanager knows them, and what it has delivered here."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from servicekit.http_client.failures import UpstreamFailure

_KEPT = 100
# What asking somebody who is away may end with.
AWAY = (httpx.HTTPError, UpstreamFailure, OSError, TimeoutError)
ANSWER_SECONDS = 5
_ORDER = {"page": 0, "ticket": 1}
WATCHDOG = "Watchdog"


@dataclass(frozen=True)
class Alert:
    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    since: str

    @classmethod
    def parsed(cls, described: Mapping[str, Any]) -> "Alert":
        """Of Alertmanager's API, or of what it delivers to a webhook."""
        status = described["status"]
        return cls(
            status=status["state"] if isinstance(status, Mapping) else status,
            labels=described["labels"],
            annotations=described["annotations"],
            since=described["startsAt"][:19].replace("T", " "),
        )

    @property
    def name(self) -> str:
        return self.labels["alertname"]

    @property
    def severity(self) -> str:
        return self.labels.get("severity", "none")


@dataclass
class Delivered:
    """The newest first. `watchdog_at` is of the monotonic clock: when the alert that always fires
    came last, or when this process began to wait for it."""

    alerts: deque[Alert] = field(default_factory=lambda: deque(maxlen=_KEPT))
    watchdog_at: float = field(default_factory=time.monotonic)

    def take(self, notification: Mapping[str, Any]) -> None:
        for alert in map(Alert.parsed, notification["alerts"]):
            if alert.name == WATCHDOG:
                if alert.status == "firing":
                    self.watchdog_at = time.monotonic()
            else:
                self.alerts.appendleft(alert)


async def fetch_firing(client: httpx.AsyncClient) -> list[Alert]:
    """What Alertmanager has now, pages first; raises one of `AWAY`."""
    async with asyncio.timeout(ANSWER_SECONDS):
        answer = await client.get("/api/v2/alerts", params={"active": "true"})
    answer.raise_for_status()
    found = [Alert.parsed(one) for one in answer.json()]
    return sorted(found, key=lambda one: (_ORDER.get(one.severity, 2), one.name))
