"""A new release under load: nobody meets an error, and neither does who comes while one more
gateway takes its part."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.cluster.conftest import LONG, RELEASE
from tests.cluster.shop import SERVICES, KubernetesShop
from tests.compose.customers import Customers, assert_each_is_one_order
from tests.compose.test_scaling import EXPORT_SECONDS, SECONDS, SHARE, share_of
from tests.telemetry_stores import MetricsStore
from tests.waiting import eventually

REQUESTS = 10_000 if LONG else 2_000
# The promise is for a shop that has its processors: the release run has the node alone, and the
# tests in Docker hold it. Beside those of a control plane on two cores it took 49 s once.
SHARE_SECONDS = SECONDS + EXPORT_SECONDS if LONG else 90
NEXT_RELEASE = f"{RELEASE}-next"


@dataclass
class Rollout:
    """`secrets` are those from before, by name: whether one was made anew."""

    customers: Customers
    secrets: dict[str, object]
    replaced: set[str]
    share_after_seconds: float


@pytest.fixture(scope="module")
def rollout(shop: KubernetesShop) -> Iterator[Rollout]:
    """All five services replaced and a third gateway started, one after the other, under load."""
    before, secrets = {one.uid for one in shop.running()}, secrets_of(shop)
    store = MetricsStore(shop.url("victoria-metrics", 8428))
    shop.cluster.name_again(RELEASE, NEXT_RELEASE)
    shop.release(NEXT_RELEASE)
    # As many as two cores serve beside all that runs on them.
    with (
        in_one_zone(shop),
        Customers(shop.shop_url, ordering=2, browsing=6, pause_seconds=0.1) as customers,
    ):
        customers.wait_for_orders(5)
        shop.apply()
        shop.wait_until_settled()
        replaced = {one.app for one in shop.running() if one.uid not in before}
        third = a_third_gateway(shop)
        ready = time.monotonic()
        eventually(
            lambda: share_of(store, third),
            lambda share: share >= SHARE,
            SHARE_SECONDS,
            pause_seconds=1,
        )
        share_after_seconds = time.monotonic() - ready
        eventually(lambda: customers.requests, lambda number: number > REQUESTS, 600)
    yield Rollout(customers, secrets, replaced, share_after_seconds)
    # Nobody measures what it would take to scale down by itself.
    shop.kubectl("patch", "hpa", "api-gw", '--patch={"spec": {"minReplicas": 2}}')
    shop.scale("api-gw", 2)


@contextmanager
def in_one_zone(shop: KubernetesShop) -> Iterator[None]:
    """All nodes: else requests stay in the zone where they came in, and a gateway in another one
    has no part."""

    first, *others = shop.cluster.nodes
    for node in others:
        put_in_zone(shop, node.name, first.zone)
    try:
        yield
    finally:
        for node in others:
            put_in_zone(shop, node.name, node.zone)


def put_in_zone(shop: KubernetesShop, node: str, zone: str) -> None:
    label = f"topology.kubernetes.io/zone={zone}"
    shop.cluster.kubectl("label", "--overwrite", "node", node, label)


def secrets_of(shop: KubernetesShop) -> dict[str, object]:
    return {
        one["metadata"]["name"]: (one["metadata"]["resourceVersion"], one["data"])
        for one in shop.objects("secrets")
    }


def a_third_gateway(shop: KubernetesShop) -> str:
    """As an operator asks for it where an autoscaler decides; returns its name."""
    before = {one.uid for one in shop.running("api-gw")}
    shop.kubectl("patch", "hpa", "api-gw", '--patch={"spec": {"minReplicas": 3}}')
    eventually(lambda: len(shop.running("api-gw")) == 3, seconds=90, pause_seconds=0.3)
    (third,) = [one for one in shop.running("api-gw") if one.uid not in before]
    return third.name


def test_all_five_services_and_nothing_else_were_replaced(rollout: Rollout) -> None:
    """But for the page of alerts, which is a program of the shop as well."""
    assert rollout.replaced == {*SERVICES, "alert-page"}


def test_no_request_failed(rollout: Rollout) -> None:
    assert rollout.customers.failures == [], rollout.customers.answers
    assert rollout.customers.requests > REQUESTS


def test_a_third_gateway_soon_has_its_part(rollout: Rollout) -> None:
    assert rollout.share_after_seconds < SHARE_SECONDS


def test_each_accepted_order_is_one(shop: KubernetesShop, rollout: Rollout) -> None:
    assert_each_is_one_order(shop, rollout.customers.accepted)


def test_the_jobs_of_the_new_release_ran_once_and_changed_nothing_that_was_there(
    shop: KubernetesShop, rollout: Rollout
) -> None:
    jobs = {one["metadata"]["name"]: one["status"] for one in shop.objects("jobs")}
    names = ("bootstrap-secrets", "migrate")
    assert jobs.keys() == {f"{name}-{tag}" for name in names for tag in (RELEASE, NEXT_RELEASE)}
    assert {(one["succeeded"], one.get("failed", 0)) for one in jobs.values()} == {(1, 0)}
    assert secrets_of(shop) == rollout.secrets
    said = shop.kubectl("logs", f"job/migrate-{NEXT_RELEASE}", "--all-containers")
    assert "\n0 products added\n" in said, said
