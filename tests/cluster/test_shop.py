"""Tests of the embedded run, through the edge: behind Services, names and policies of a cluster an
order ends as it does anywhere."""

from tests.cluster.shop import KubernetesShop
from tests.e2e import test_bad_input, test_orders, test_traces

HERE = (
    test_bad_input.test_an_order_without_a_guest_is_401_and_makes_one,
    test_bad_input.test_a_path_that_is_no_route_leads_nowhere,
    test_traces.test_the_trace_of_an_order_leads_from_the_request_to_the_row,
    test_traces.test_every_hop_has_exactly_one_client_and_one_server_span,
    test_traces.test_a_reading_request_is_one_trace_to_the_database,
    test_traces.test_a_trace_from_outside_is_not_continued,
)
ORDERS = {name: test for name, test in vars(test_orders).items() if name.startswith("test_")}
globals().update(ORDERS | {test.__name__: test for test in HERE})
ordered = test_traces.ordered


def test_nobody_was_restarted_by_all_of_this(shop: KubernetesShop) -> None:
    assert [one.name for one in shop.pods() if one.restarts] == []
