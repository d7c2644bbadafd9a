"""Every panel of every dashboard has data, as soon as there was a customer."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from observability.dashboards.load_test import USER_AGENT
from tests.compose.first_telemetry import FirstTelemetry
from tests.compose.project import ComposeProject
from tests.compose.test_rights import as_root
from tests.panels import Panels
from tests.promql import dashboard_targets, is_there_at_once
from tests.telemetry_stores import eventually

# tests/integration/test_panels.py has one.
OF_FAULTS = {"order-pipeline: Warnings about orders", "request-path: Refused and failed by client"}
TARGETS = [
    pytest.param(target, id=f"{title} {target['refId']}")
    for source in ("vm", "vl")
    for title, target in dashboard_targets(source)
    if is_there_at_once(title, target["expr"]) and title not in OF_FAULTS
]


@pytest.fixture(scope="module")
def shown(project: ComposeProject, telemetry: FirstTelemetry) -> Iterator[Panels]:
    """While a load tester reads, and after one statement of MySQL that took its time."""
    as_root(project, "SELECT SLEEP(0.7)")
    over = threading.Event()

    def read() -> None:
        headers = {"User-Agent": USER_AGENT}
        with httpx.Client(base_url=project.shop_url, headers=headers, trust_env=False) as tester:
            while not over.wait(0.5):
                tester.get("/")
                tester.get("/nowhere/at/all")

    reader = threading.Thread(target=read)
    reader.start()
    values = {"$trace_id": telemetry.trace_id, "$order_id": telemetry.order.json()["order_id"]}
    yield Panels(telemetry.metrics, telemetry.logs, values)
    over.set()
    reader.join()


@pytest.mark.parametrize("target", TARGETS)
def test_no_panel_is_empty_and_legends_name_its_labels(
    shown: Panels, target: dict[str, Any]
) -> None:
    eventually(lambda: shown.shows(target))


def test_only_what_asks_the_missing_store_is_left_out() -> None:
    of_traces = {title for title, _ in dashboard_targets("vt")}
    traces = {"request: Trace", "order: Traces of the order", "housekeeping: Traces of runs"}
    assert {"request-path: Who calls whom", *traces} == of_traces
