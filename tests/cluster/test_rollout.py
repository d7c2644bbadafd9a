"""A new release under load: nobody meets an error, and neither does who comes while one more
gateway takes its part."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.cluster.conftest import RELEASE
from tests.cluster.shop import SERVICES, KubernetesShop
from tests.compose.customers import Customers, assert_each_is_one_order
from tests.compose.test_scaling import EXPORT_SECONDS, SECONDS, SHARE, share_of
from tests.telemetry_stores import MetricsStore
from tests.waiting import eventually
from tools.cluster.images import build_own
from tools.cluster.real import ROOT

LONG = os.environ.get("LONG_TESTS") == "1"
REQUESTS = 10_000 if LONG else 2_000
NEXT_RELEASE = f"{RELEASE}-next"


@dataclass
class Rollout:
    customers: Customers
    replaced: set[str]
    share_after_seconds: float


@pytest.fixture(scope="module")
def rollout(shop: KubernetesShop) -> Iterator[Rollout]:
    """All five services replaced and a third gateway started, one after the other, under load."""
    before = {one.uid for one in shop.running()}
    store = MetricsStore(shop.url("victoria-metrics", 8428))
    build_own(ROOT, NEXT_RELEASE)
    shop.release(NEXT_RELEASE)
    shop.cluster.load_images(shop.overlay)
    # As many as two cores serve beside all that runs on them.
    with Customers(shop.shop_url, ordering=2, browsing=6, pause_seconds=0.1) as customers:
        customers.wait_for_orders(5)
        shop.apply()
        shop.wait_until_settled()
        replaced = {one.app for one in shop.running() if one.uid not in before}
        third = a_third_gateway(shop)
        ready = time.monotonic()
        eventually(
            lambda: share_of(store, third), lambda share: share >= SHARE, 90, pause_seconds=1
        )
        share_after_seconds = time.monotonic() - ready
        eventually(lambda: customers.requests, lambda number: number > REQUESTS, 600)
    yield Rollout(customers, replaced, share_after_seconds)
    # Nobody measures what it would take to scale down by itself.
    shop.apply()
    shop.scale("api-gw", 2)


def a_third_gateway(shop: KubernetesShop) -> str:
    """As an operator asks for it where an autoscaler decides; returns its name."""
    before = {one.uid for one in shop.running("api-gw")}
    shop.kubectl("patch", "hpa", "api-gw", '--patch={"spec": {"minReplicas": 3}}')
    eventually(lambda: len(shop.running("api-gw")) == 3, seconds=90, pause_seconds=0.3)
    (third,) = [one for one in shop.running("api-gw") if one.uid not in before]
    return third.name


def test_all_five_services_and_nothing_else_were_replaced(rollout: Rollout) -> None:
    """But for the collector, which their image gives a look at its queue before each start."""
    assert rollout.replaced == {*SERVICES, "otel-collector"}


def test_no_request_failed(rollout: Rollout) -> None:
    assert rollout.customers.failures == [], rollout.customers.answers
    assert rollout.customers.requests > REQUESTS


def test_a_third_gateway_soon_has_its_part(rollout: Rollout) -> None:
    assert rollout.share_after_seconds < SECONDS + EXPORT_SECONDS


def test_each_accepted_order_is_one(shop: KubernetesShop, rollout: Rollout) -> None:
    assert_each_is_one_order(shop, rollout.customers.accepted)


def test_the_jobs_of_the_new_release_ran_and_those_of_the_old_one_are_kept(
    shop: KubernetesShop, rollout: Rollout
) -> None:
    jobs = {one["metadata"]["name"]: one["status"].get("succeeded") for one in shop.objects("jobs")}
    names = ("bootstrap-secrets", "migrate")
    assert jobs == {f"{name}-{tag}": 1 for name in names for tag in (RELEASE, NEXT_RELEASE)}
