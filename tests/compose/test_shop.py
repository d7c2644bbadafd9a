"""The very tests of the embedded run, through nginx and against MySQL, in Chromium, too."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.compose.project import ComposeProject
from tests.e2e import browser, test_bad_input, test_browser, test_orders, test_traces

# Those that start, stop or look at processes of their own, or at the embedded run's files.
NOT_HERE = {
    "test_too_many_orders_of_one_guest_are_429",
    "test_a_service_that_hangs_is_504_within_the_frontends_time",
    "test_a_service_that_is_gone_is_said_so_and_the_key_stays_good",
    # Not routed by the ingress: test_ingress.py.
    "test_the_probes_alone_are_at_the_front_door",
    "test_the_shop_is_well_after_all_of_this",
    # Metrics and logs go to their stores here: test_first_telemetry.py.
    "test_routes_are_named_and_never_filled_in",
    "test_idle_polling_and_probes_leave_no_spans",
    "test_nothing_personal_is_in_any_telemetry",
    "test_the_metrics_of_the_contract_arrive",
    # Links lead to Grafana here, not to the embedded run's own page.
    "test_orders_and_errors_lead_to_their_traces",
    # The same pages have the same barriers, and look the same.
    "test_no_page_has_a_barrier",
    "test_the_screenshot_shows_the_catalogue",
}


def _tests_of(module: Any) -> dict[str, Callable[..., object]]:
    return {name: thing for name, thing in vars(module).items() if name.startswith("test_")}


_MODULES = (test_orders, test_browser, test_bad_input, test_traces)
_ALL = {name: test for module in _MODULES for name, test in _tests_of(module).items()}
assert _ALL.keys() >= NOT_HERE
globals().update({name: test for name, test in _ALL.items() if name not in NOT_HERE})
ordered = test_traces.ordered
chromium, contexts = browser.chromium, browser.contexts


def test_orders_and_errors_lead_to_their_dashboards(contexts: browser.Contexts) -> None:
    page = contexts.visitor(language="en")
    browser.put_in_cart(page)
    browser.fill_in(page)
    page.get_by_role("button", name="Order now").click()
    page.wait_for_url(re.compile(r"/orders/[0-9a-f-]{36}"))
    order_id = page.url.rpartition("/")[2]
    grafana = "http://127.0.0.1:3000/d"
    link = page.get_by_role("link", name="The trace of this order").get_attribute("href")
    assert link == f"{grafana}/arloji-order/one-order?var-order_id={order_id}"
    page.goto("/nowhere")
    link = page.locator(f"a[href^='{grafana}']").get_attribute("href") or ""
    assert re.search(r"/arloji-request/one-request\?var-trace_id=[0-9a-f]{32}$", link)


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/metrics"])
def test_nothing_of_the_machinery_is_at_the_front_door(stack: ComposeProject, path: str) -> None:
    assert httpx.get(f"{stack.shop_url}{path}").status_code == 404


def test_every_container_is_well_after_all_of_this(project: ComposeProject) -> None:
    unwell = [one for one in project.containers() if not one.well or one.restarts]
    assert unwell == []
    assert "unexpected error" not in project.compose("logs", "--no-color")
