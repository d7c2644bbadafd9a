"""The page of alerts with a real Alertmanager, which reads the configuration of the repository."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from local.free_port import free_port
from tests.alert_delivery import AlertDelivery
from tests.waiting import eventually

RUNBOOK = "docs/runbooks/orders.md#ordersrefused"


class Well(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not to the tests' output."""


@contextmanager
def well(port: int) -> Iterator[None]:
    """A part that says so."""
    server = HTTPServer(("127.0.0.1", port), Well)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Stand(AlertDelivery):
    """`watched` listens on a port that is free at first."""

    def __init__(self, folder: Path) -> None:
        self.watched_port = free_port()
        settings = {
            "WATCHED": json.dumps({"vmalert": f"http://127.0.0.1:{self.watched_port}/health"}),
            "WATCH_SECONDS": "0.2",
            "PATIENCE_SECONDS": "1",
            "WATCHDOG_SECONDS": "4",
        }
        super().__init__(folder, settings)

    def tell(self, name: str, ends: str | None = None, **annotations: str) -> None:
        """As vmalert does. `severity` none is delivered without a wait."""
        labels = {"alertname": name, "severity": "none"}
        alert = {"labels": labels, "annotations": annotations, **({"endsAt": ends} if ends else {})}
        httpx.post(f"{self.manager_url}/api/v2/alerts", json=[alert]).raise_for_status()

    def shown(self) -> str:
        answer = httpx.get(self.page.url)
        assert answer.is_success
        return answer.text

    def broken_parts(self) -> list[Mapping[str, str]]:
        found = httpx.get(f"{self.manager_url}/api/v2/alerts").json()
        return [one["labels"] for one in found if one["labels"]["alertname"] == "AlertingBroken"]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    one = Stand(tmp_path)
    with well(one.watched_port), one.running():
        yield one


def test_what_fires_is_shown_with_its_runbook_and_what_has_ended_too(stand: Stand) -> None:
    assert "Nothing fires" in stand.shown()
    stand.tell("OrdersRefused", summary="<b>90%</b> refused", runbook_url=RUNBOOK, dashboard="x:y")
    page = eventually(stand.shown, lambda text: "1 alert fires" in text)
    assert "&lt;b&gt;90%&lt;/b&gt; refused" in page
    assert "docker compose logs --tail=50 publisher" in page
    assert 'href="x:y"' not in page
    # Delivered, and not only asked for.
    lately = "<td>OrdersRefused</td>"
    eventually(stand.shown, lambda text: "<td>firing</td>" + lately in text)
    stand.tell("OrdersRefused", ends="2020-01-01T00:00:00Z")
    eventually(stand.shown, lambda text: "Nothing fires" in text)


def test_an_alertmanager_that_is_away_is_not_taken_for_quiet(stand: Stand) -> None:
    stand.manager.kill()
    page = stand.shown()
    assert "Nothing is known" in page
    assert "Alertmanager does not answer" in page


def test_a_watcher_that_is_away_raises_an_alert_and_ends_it(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    with stand.running():
        wanted = {"alertname": "AlertingBroken", "part": "vmalert", "severity": "page"}
        eventually(stand.broken_parts, lambda found: wanted in found)
        assert "vmalert has not answered for" in stand.shown()
        with well(stand.watched_port):
            eventually(stand.broken_parts, lambda found: wanted not in found)


def test_a_watchdog_that_comes_no_more_raises_an_alert_and_ends_it(stand: Stand) -> None:
    """It is the only one that notices a way that is broken between two parts that are well."""
    missing = {"alertname": "AlertingBroken", "part": "watchdog", "severity": "page"}
    eventually(stand.broken_parts, lambda found: missing in found)
    stand.tell("Watchdog")
    eventually(stand.broken_parts, lambda found: missing not in found)
    eventually(stand.broken_parts, lambda found: missing in found)
