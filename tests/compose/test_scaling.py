"""More replicas by `--scale` while customers are there: all get their part, and memory suffices."""

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.compose.customers import Customers, assert_each_is_one_order
from tests.compose.project import ComposeProject
from tests.e2e.conftest import eventually
from tests.telemetry_stores import MetricsStore

SCALE = ("up", "--detach", "--wait", "--no-deps", "--no-recreate")
# The contract's promise, and the interval in which figures arrive.
SHARE, SECONDS, EXPORT_SECONDS = 0.2, 30, 10


@dataclass
class Busy:
    customers: Customers
    third_gateway: str
    share_after_seconds: float
    footprint: str = ""


@pytest.fixture(scope="module")
def busy(project: ComposeProject) -> Iterator[Busy]:
    """A shop under load to which a third gateway and a third consumer came."""
    store = MetricsStore(project.url("victoria-metrics", 8428))
    before = {one.id for one in project.containers("api-gw")}
    found = Busy(Customers(project.shop_url, browsing=8, pause_seconds=0.02), "", 0)

    def watch_memory() -> None:
        command = (sys.executable, "-m", "operations.footprint", "--without", "receiver")
        found.footprint = project.run(*command, "--seconds", "20")

    memory = threading.Thread(target=watch_memory)
    with found.customers:
        found.customers.wait_for_orders(5)
        memory.start()
        project.compose(
            *SCALE, "--scale", "api-gw=3", "--scale", "consumer=3", "api-gw", "consumer"
        )
        (third,) = [one for one in project.containers("api-gw") if one.id not in before]
        found.third_gateway, ready = third.id[:12], time.monotonic()
        eventually(
            lambda: share_of(store, found.third_gateway),
            lambda share: share >= SHARE,
            seconds=90,
        )
        found.share_after_seconds = time.monotonic() - ready
        memory.join()
    yield found
    project.compose(*SCALE, "--scale", "api-gw=2", "--scale", "consumer=2", "api-gw", "consumer")


def share_of(store: MetricsStore, instance: str) -> float:
    """Of the requests that all gateways had lately, as their own metrics tell."""
    counted = 'increase(http_server_request_duration_seconds_count{service_name="api-gw"}[15s])'
    requests = {
        one["metric"]["service_instance_id"]: float(one["value"][1])
        for one in store.query(f"sum by (service_instance_id) ({counted})")
    }
    own = sum(number for name, number in requests.items() if name.startswith(instance))
    return own / (sum(requests.values()) or 1)


def test_a_third_gateway_soon_has_its_part(busy: Busy) -> None:
    assert busy.share_after_seconds < SECONDS + EXPORT_SECONDS


def test_nobody_met_an_error_meanwhile(busy: Busy) -> None:
    assert busy.customers.failures == []
    assert busy.customers.requests > 500


def test_three_consumers_store_each_order_once(project: ComposeProject, busy: Busy) -> None:
    assert len(project.containers("consumer")) == 3
    assert_each_is_one_order(project, busy.customers.accepted)


def test_nothing_uses_more_than_four_fifths_of_its_memory(
    project: ComposeProject, busy: Busy
) -> None:
    """The command that measures ends with an error if something does."""
    assert "| mysql | 1 |" in busy.footprint
    assert "| **in all** |" in busy.footprint
    for container in project.containers():
        assert not container.oom_killed, container.name
        assert container.restarts == 0, container.name
