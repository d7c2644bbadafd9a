"""The Alertmanager of a project: which alerts have reached it, and how long that took."""

import time
from collections.abc import Sequence
from typing import Any

import httpx

from tests.compose.parts import Labels
from tests.compose.project import ComposeProject
from tests.waiting import eventually

PROMISED_SECONDS = 120
# What the tests leave out of the stack, and what says that all is well.
ALWAYS = {("Watchdog", ""), ("TargetDown", "victoria-traces")}


class Alertmanager:
    def __init__(self, project: ComposeProject) -> None:
        self._url = f"{project.url('alertmanager', 9093)}/api/v2/alerts"

    def alerts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(self._url, timeout=5).json()
        return found

    def has(self, name: str, labels: Labels) -> bool:
        wanted = {"alertname": name, **labels}.items()
        return any(wanted <= one["labels"].items() for one in self.alerts())

    def others(self, severity: str) -> list[str]:
        return [
            one["annotations"]["summary"]
            for one in self.alerts()
            if one["labels"]["severity"] == severity
            and (one["labels"]["alertname"], one["labels"].get("job", "")) not in ALWAYS
        ]

    def wait(self, name: str, labels: Labels, there: bool, since: float) -> float:
        """Seconds since then; a failure names the alert."""
        left = since + PROMISED_SECONDS - time.monotonic()
        eventually(
            lambda: f"{name} {dict(labels)}: {'here' if self.has(name, labels) else 'not here'}",
            lambda found: found.endswith("not here") is not there,
            seconds=max(left, 1),
            pause_seconds=1,
        )
        return time.monotonic() - since


def table(rows: Sequence[tuple[str, str, float, float]]) -> str:
    lines = [
        f"| {part} | {alert} | {fired:.0f} s | {gone:.0f} s |" for part, alert, fired, gone in rows
    ]
    return "\n".join(["| part | alert | after | gone after |", "|---|---|---|---|", *lines])
