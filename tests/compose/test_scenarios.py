"""Each scenario in Docker: its queries show it, the alerts that its page names reach Alertmanager,
and the stack is well again afterwards."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compose.customers import Customers
from tests.compose.project import ComposeProject
from tests.processes import Process
from tests.telemetry_stores import LogsStore, MetricsStore
from tests.waiting import eventually
from tools.scenarios.fault import NAMES
from tools.scenarios.pages import read_page

# Which of a page's alerts must fire. Ten minutes for DiskShort are too long here; a run of the load
# that the machine can bear, and a MySQL that is slow and not away, raise none.
FIRING = {
    "consumer-dies": {"ServiceSilent", "OrdersNotStored"},
    "cache-cold": {"ServerDown"},
    "poison-order": {"OrdersDeadLettered"},
}
ALERT_SECONDS = 240


@contextmanager
def playing(project: ComposeProject, name: str, folder: Path) -> Iterator[None]:
    environment = {
        **os.environ,
        **project.environment,
        "ARLOJI_DATA": str(folder),
        "PYTHONPATH": str(project.root),
    }
    command = [sys.executable, "-m", "tools.scenarios", name, "--on", "compose"]
    command += ["--seconds", "900", "--rates", "30"]
    with Process(command, folder / "output", cwd=project.root, env=environment) as scenario:
        scenario.wait_until(lambda: "injected" in scenario.output(), "injected")
        yield
        assert scenario.stop(signal.SIGTERM) == 0, scenario.output()


@pytest.mark.parametrize("name", NAMES)
def test_it_shows_and_is_undone(project: ComposeProject, name: str, tmp_path: Path) -> None:
    metrics = MetricsStore(project.url("victoria-metrics", 8428))
    logs = LogsStore(project.url("victoria-logs", 9428))
    alertmanager = project.url("alertmanager", 9093)
    page = read_page(name)

    began = datetime.now(UTC).isoformat()

    def shown() -> dict[str, bool]:
        lines = [f"_time:>{began} {query}" for query in page.log_queries]
        return {query: bool(metrics.query(query)) for query in page.queries} | {
            query: bool(logs.query(query)) for query in lines
        }

    def firing() -> set[str]:
        alerts: list[dict[str, Any]] = httpx.get(f"{alertmanager}/api/v2/alerts").json()
        return {alert["labels"]["alertname"] for alert in alerts}

    wanted = FIRING.get(name, set())
    assert wanted <= page.alerts
    # What other tests have done is in the last five minutes.
    eventually(shown, lambda now: not any(now.values()), 6 * 60, 2)
    eventually(lambda: firing() & wanted, lambda still: not still, ALERT_SECONDS, 2)
    if name == "traffic-x10":
        # Locust's image, which takes minutes where it was never built.
        project.compose("--profile", "load", "build", "load")
    with Customers(project.shop_url, ordering=1, browsing=1):
        with playing(project, name, tmp_path):
            eventually(shown, lambda now: all(now.values()), ALERT_SECONDS, 2)
            eventually(firing, lambda now: wanted <= now, ALERT_SECONDS, 2)
        eventually(lambda: firing() & wanted, lambda still: not still, 2 * ALERT_SECONDS, 2)
    eventually(
        lambda: [one.name for one in project.containers() if not one.well],
        lambda unwell: not unwell,
        seconds=90,
    )
