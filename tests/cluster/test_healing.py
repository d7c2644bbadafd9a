"""Each pod is deleted once, and a container is ended for want of memory, while customers order: all
of it heals by itself, and every accepted order is one row."""

import json
from collections.abc import Sequence

import pytest

from tests.cluster.shop import SERVICES, KubernetesShop, Pod
from tests.compose.customers import Customers, assert_each_is_one_order
from tests.waiting import eventually

STORES = ("cache-redis", "queue-redis", "mysql")
SHOP = (*SERVICES, "ingress", *STORES)


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
    """What customers met while every pod was deleted: one of each replicated workload at a time,
    the stores one after the other, what watches at once."""
    apps = {one.app for one in shop.running()}
    with Customers(shop.shop_url) as customers:
        customers.wait_for_orders(2)
        delete(shop, [one for one in shop.running() if one.app in apps - set(SHOP)])
        before = shop.running(*SERVICES, "ingress")
        for pods in turns(before):
            customers.wait_for_orders(2)
            delete(shop, pods)
        for store in STORES:
            customers.wait_for_orders(2)
            delete(shop, shop.running(store))
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


def test_a_container_that_ran_out_of_memory_comes_back_with_every_order(
    shop: KubernetesShop,
) -> None:
    """Of what takes memory in MySQL's container the kernel ends what has most: the server."""
    with Customers(shop.shop_url, ordering=1, browsing=0) as customers:
        customers.wait_for_orders(2)
        (mysql,) = shop.running("mysql")
        # What it holds is ended with the container.
        shop.try_kubectl("exec", mysql.name, "--", "tail", "/dev/zero")
        ended = eventually(lambda: shop.pods("mysql")[0].ended.get("mysql"), seconds=60)
        assert ended == ("OOMKilled", 137)
        shop.wait_until_settled()
        customers.wait_for_orders(2)
    (after,) = shop.running("mysql")
    assert (after.uid, after.restarts) == (mysql.uid, mysql.restarts + 1)
    assert_each_is_one_order(shop, customers.accepted)


def test_the_jobs_may_run_again(shop: KubernetesShop) -> None:
    """No secret is made anew, no product added, nothing restarts."""

    def secrets() -> dict[str, object]:
        return {
            one["metadata"]["name"]: (one["metadata"]["resourceVersion"], one["data"])
            for one in shop.objects("secrets")
        }

    before, pods = secrets(), {one.uid for one in shop.running()}
    shop.kubectl("delete", "jobs", "--all")
    shop.apply()
    shop.wait_until_settled()
    assert secrets() == before
    said = {name: shop.kubectl("logs", f"job/{name}", "--all-containers") for name in jobs(shop)}
    assert any("0 products added" in text for text in said.values()), json.dumps(said)
    assert {one.uid for one in shop.running()} == pods


def jobs(shop: KubernetesShop) -> list[str]:
    return [one["metadata"]["name"] for one in shop.objects("jobs")]
