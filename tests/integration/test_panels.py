"""Every query of every panel has data in the real stores after half a minute of a shop that is
visited and has trouble; what only other servers measure is asked for in tests/compose."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.panels import Panels
from tests.promql import OF_KUBERNETES, OF_RUNS, dashboard_targets
from tests.telemetry_stores import ask, eventually
from tests.watched_shop import WatchedShop, running_watched_shop

pytestmark = pytest.mark.integration

# By exporters, the kubelet and cAdvisor, which read MySQL, Redis and containers; the shop's Redis
# and SQLite here have none. And what runs of housekeeping leave.
_ELSEWHERE = re.compile(
    r"\b(redis|mysql|container|nginx|kube|kubelet)_\w+|\"(mysql|housekeeping)\"|job=\"otel-agent\""
)
# With the fault that they show, made below. A figure above zero is what proves them.
OF_FAULTS = {
    "order-pipeline: Dead letters a minute": "an entry that nobody can read",
    "order-pipeline: Rejected a minute": "more is ordered than there is",
    "order-pipeline: Warnings about orders": "the dead letter",
    "request-path: Upstream errors": "the publisher is killed",
    "request-path: Routes: errors": "the publisher is killed",
    "request-path: Refused and failed by client": "the publisher is killed",
    "overview: Errors": "the publisher is killed",
    "load-test: Not answered as asked": "a page that does not exist",
    "logs: Complaints that repeat": "the dead letter",
}
# Nothing of this happens here, and they say zero; each is tried where it does.
ZERO = {
    "order-pipeline: Delivered again": "tests/integration/consumer",
    "request-path: Repeated by the gateway": "tests/integration/api_gw",
    "request-path: Refused by the gateway": "tests/integration/api_gw",
    "request-path: Refused by the frontend": "tests/integration/frontend",
    "request-path: Connections refused": "tests/integration/servicekit",
    "telemetry: Refused": "tests/integration/test_collector_outages.py",
    "telemetry: Failed and dropped": "tests/integration/test_collector_outages.py",
    "telemetry: Dropped by a store": "tests/integration/test_log_retention.py",
}
TARGETS = [
    (title, target)
    for source in ("vm", "vl")
    for title, target in dashboard_targets(source)
    if not title.startswith(OF_KUBERNETES)
    and not OF_RUNS.search(target["expr"])
    and not _ELSEWHERE.search(target["expr"].replace('{service.name="nginx"}', ""))
]
# What rules record is there after their next turn: the others are asked meanwhile.
TARGETS.sort(key=lambda one: "slo:" in one[1]["expr"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedShop]:
    with running_watched_shop(tmp_path_factory.mktemp("watched")) as one:
        yield one


@pytest.fixture(scope="module")
def shown(shop: WatchedShop) -> Panels:
    order = shop.visit()
    # A counter grows only from its second export on: what had trouble has it again.
    for _ in range(2):
        shop.have_trouble()
        shop.be_visited(seconds=4)
    ids = {
        "$trace_id": order.headers["traceresponse"].split("-")[1],
        "$order_id": order.json()["order_id"],
    }
    return Panels(shop.pipeline.metrics, shop.pipeline.logs, ids)


@pytest.mark.parametrize(
    ("title", "target"), TARGETS, ids=[f"{title} {target['refId']}" for title, target in TARGETS]
)
def test_no_panel_is_empty(shown: Panels, title: str, target: dict[str, Any]) -> None:
    eventually(lambda: shown.shows(target))
    if title in OF_FAULTS and target.get("queryType") != "instant":
        eventually(lambda: shown.largest(target) > 0)


def test_nothing_is_left_out_that_is_measured_here() -> None:
    titles = {title for title, _ in TARGETS}
    assert OF_FAULTS.keys() | ZERO.keys() <= titles
    assert len(titles) > 60
    for title, target in TARGETS:
        zero_for_want_of_events = "vector(0)" in target["expr"]
        assert title not in ZERO or zero_for_want_of_events


def test_what_fires_is_delivered(shop: WatchedShop) -> None:
    """Counted by each attempt: what the panel *Alerts not delivered* counts has been given up."""

    def delivered(name: str) -> float:
        lines = ask(f"{shop.alertmanager_url}/metrics").text.splitlines()
        found = f'alertmanager_{name}_total{{integration="webhook"'
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(found))

    eventually(lambda: delivered("notifications"))
    assert delivered("notification_requests_failed") == 0
