"""Tests of the embedded run that may end otherwise behind nginx, on MySQL or through the collector,
and in Chromium the way of one order."""

import re

from tests.compose.project import ComposeProject
from tests.e2e import browser, test_bad_input, test_browser, test_orders, test_traces

HERE = (
    test_browser.test_a_customer_finds_orders_and_sees_it_confirmed,
    test_browser.test_everything_works_without_javascript,
    test_bad_input.test_what_is_no_order_is_refused,
    test_bad_input.test_an_order_without_a_guest_is_401_and_makes_one,
    test_bad_input.test_a_path_that_is_no_route_leads_nowhere,
    test_bad_input.test_what_the_api_does_not_have_is_a_problem,
    test_bad_input.test_a_body_may_have_64_kib_and_not_a_byte_more,
    test_bad_input.test_hostile_text_in_a_query_is_found_or_refused,
    test_bad_input.test_hostile_text_in_a_path_is_not_found,
    test_bad_input.test_hostile_text_in_an_order_is_kept_as_it_is_or_refused,
    test_bad_input.test_a_guest_header_from_outside_has_no_effect,
    test_traces.test_the_trace_of_an_order_leads_from_the_request_to_the_row,
    test_traces.test_every_hop_has_exactly_one_client_and_one_server_span,
    test_traces.test_a_reading_request_is_one_trace_to_the_database,
    test_traces.test_a_trace_from_outside_is_not_continued,
)
ORDERS = {name: test for name, test in vars(test_orders).items() if name.startswith("test_")}
globals().update(ORDERS | {test.__name__: test for test in HERE})
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


def test_every_container_is_well_after_all_of_this(project: ComposeProject) -> None:
    unwell = [one for one in project.containers() if not one.well or one.restarts]
    assert unwell == []
    assert "unexpected error" not in project.compose("logs", "--no-color")
