"""Each pod is deleted once while customers order: all of it heals by itself, and every accepted
order is one row."""

from collections.abc import Sequence

import pytest

from tests.cluster.conftest import LONG
from tests.cluster.shop import KubernetesShop, Pod
from tests.compose.customers import Customers, assert_each_is_one_order
from tests.waiting import eventually

STORES = ("cache-redis", "queue-redis", "mysql")


def delete(shop: KubernetesShop, pods: Sequence[Pod]) -> None:
    """As a node that is drained does it; returns when others have taken their places."""
    for pod in pods:
        shop.cluster.kubectl(
            "delete", "pod", pod.name, f"--namespace={pod.namespace}", "--wait=false"
        )
    gone = {pod.uid for pod in pods}
    eventually(
        lambda: [one.name for one in shop.pods() if one.uid in gone],
        lambda left: left == [],
        seconds=120,
        pause_seconds=0.5,
    )
    shop.wait_until_settled()


@pytest.fixture(scope="module")
def disturbed(shop: KubernetesShop) -> Customers:
    """What customers met while every pod was deleted: one of each workload at a time, then all
    stores at once; in the release run one after the other."""
    others = [one for one in shop.running() if one.app not in STORES]
    with Customers(shop.shop_url) as customers:
        for pods in turns(others):
            customers.wait_for_orders(2)
            delete(shop, pods)
        for stores in [(one,) for one in STORES] if LONG else [STORES]:
            customers.wait_for_orders(2)
            delete(shop, shop.running(*stores))
        customers.wait_for_orders(2)
    return customers


def turns(pods: Sequence[Pod]) -> list[list[Pod]]:
    """The first of each workload, then the second."""
    rounds: list[list[Pod]] = []
    seen: dict[str, int] = {}
    for pod in pods:
        number = seen.get(pod.app, 0)
        seen[pod.app] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(pod)
    return rounds


def test_orders_survive_the_deletion_of_every_pod(
    shop: KubernetesShop, disturbed: Customers
) -> None:
    assert len(disturbed.accepted) > 12
    assert_each_is_one_order(shop, disturbed.accepted)


def test_no_failure_was_an_internal_error(disturbed: Customers) -> None:
    """What was met is on the contract's list: broken, not able now, too late."""
    assert {failure.status for failure in disturbed.failures} <= {0, 502, 503, 504}
