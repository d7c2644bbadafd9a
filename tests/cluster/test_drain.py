"""A node is drained under load: its pods leave one by one, and nobody meets an error. The stores,
which are one each, are on the other node."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.cluster.shop import SERVICES, KubernetesShop
from tests.compose.customers import Customers, assert_each_is_one_order
from tests.waiting import eventually

REQUESTS = 10_000
MOVED = (*SERVICES, "ingress")


@dataclass
class Drain:
    """Nodes are those of each workload's pods."""

    customers: Customers
    before: Mapping[str, set[str]]
    after: Mapping[str, set[str]]


def places(shop: KubernetesShop) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pod in shop.running(*MOVED):
        found.setdefault(pod.app, set()).add(pod.node)
    return found


@pytest.fixture(scope="module")
def drain(shop: KubernetesShop) -> Iterator[Drain]:
    # In the place of a balancer, which would choose among the nodes: by any of them to any edge.
    policy = '--patch={"spec": {"externalTrafficPolicy": "%s"}}'
    shop.kubectl("patch", "service", "ingress", policy % "Cluster")
    for app in MOVED:
        shop.kubectl("rollout", "restart", f"deployment/{app}")
    shop.wait_until_settled()
    before, (_, second) = places(shop), [node.name for node in shop.cluster.nodes]
    with Customers(shop.shop_url, ordering=2, browsing=6, pause_seconds=0.05) as customers:
        customers.wait_for_orders(5)
        shop.drain(second)
        shop.wait_until_settled()
        after = places(shop)
        eventually(lambda: customers.requests, lambda number: number > REQUESTS, 900)
    yield Drain(customers, before, after)
    shop.cluster.kubectl("uncordon", second)
    shop.kubectl("patch", "service", "ingress", policy % "Local")


def test_all_of_it_was_on_both_nodes_and_is_on_one(shop: KubernetesShop, drain: Drain) -> None:
    first, second = (node.name for node in shop.cluster.nodes)
    assert drain.before == {app: {first, second} for app in MOVED}
    assert drain.after == {app: {first} for app in MOVED}


def test_no_request_failed(drain: Drain) -> None:
    assert drain.customers.failures == [], drain.customers.answers
    assert drain.customers.requests > REQUESTS


def test_each_accepted_order_is_one(shop: KubernetesShop, drain: Drain) -> None:
    assert_each_is_one_order(shop, drain.customers.accepted)
