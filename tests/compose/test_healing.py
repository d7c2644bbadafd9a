"""Each container is killed once, as by the kernel, while customers order: it heals by itself, and
every accepted order is one row."""

import json

import pytest

from tests.compose.customers import Customers, assert_each_is_one_order
from tests.compose.project import ComposeProject, Container
from tests.e2e.conftest import eventually

# Who is needed for an answer, and who is not.
SHOP = (
    "consumer",
    "frontend",
    "api-gw",
    "service-http",
    "publisher",
    "cache-redis",
    "queue-redis",
    "mysql",
    "ingress",
)


def wait_until_healed(project: ComposeProject, killed: list[Container]) -> None:
    before = {one.name: one.started_at for one in killed}

    def healed() -> list[str]:
        return [
            f"{one.name} is {one.state} {one.health}"
            for one in project.containers()
            if one.name in before and (one.started_at == before[one.name] or not one.well)
        ]

    eventually(healed, lambda unwell: not unwell, seconds=90)


def test_telemetry_killed_as_a_whole_costs_the_shop_nothing(project: ComposeProject) -> None:
    watching = [one for one in project.containers() if one.service not in SHOP]
    with Customers(project.shop_url, ordering=1, browsing=1) as customers:
        customers.wait_for_orders(3)
        project.kill(*watching)
        wait_until_healed(project, watching)
        customers.wait_for_orders(3)
    assert customers.failures == []
    assert_each_is_one_order(project, customers.accepted)


@pytest.fixture(scope="module")
def disturbed(project: ComposeProject) -> Customers:
    """What customers met while each part of the shop was killed, one after the other."""
    with Customers(project.shop_url) as customers:
        for service in SHOP:
            victim = project.containers(service)[0]
            customers.wait_for_orders(2)
            project.kill(victim)
            wait_until_healed(project, [victim])
            customers.wait_for_orders(2)
    return customers


def test_every_part_of_the_shop_heals_and_each_order_ends_once(
    project: ComposeProject, disturbed: Customers
) -> None:
    assert len(disturbed.accepted) > 4 * len(SHOP)
    assert_each_is_one_order(project, disturbed.accepted)


def test_a_killed_queue_keeps_what_waits_in_it(project: ComposeProject) -> None:
    """In the loop above consumers are too quick for anything to wait."""
    (queue,) = project.containers("queue-redis")
    project.pause("consumer")
    try:
        with Customers(project.shop_url, ordering=2, browsing=0) as customers:
            customers.wait_for_orders(10)
            project.kill(queue)
            wait_until_healed(project, [queue])
            customers.wait_for_orders(3)
    finally:
        project.resume("consumer")
    assert_each_is_one_order(project, customers.accepted)


def test_no_failure_was_an_internal_error(disturbed: Customers) -> None:
    """What was met is on the contract's list: broken, not able now, too late."""
    assert {failure.status for failure in disturbed.failures} <= {0, 502, 503, 504}


def test_the_accounts_of_the_shop_agree(project: ComposeProject) -> None:
    """Nothing waits, nothing is in the dead letters, every replica is back."""
    for service in ("frontend", "publisher"):
        assert all(one.well for one in project.containers(service))
    (publisher,) = project.containers("publisher")
    script = """
import json, os, redis
url = open("/run/secrets/queue_redis_url").read().strip()
print(json.dumps(redis.Redis.from_url(url).xlen("orders")))
"""
    eventually(
        lambda: project.exec(publisher, "python", "-c", script).strip(),
        lambda length: length == "0",
        seconds=60,
    )


def test_every_order_that_was_answered_is_accounted_for(
    project: ComposeProject, disturbed: Customers
) -> None:
    """By the command of docs/operations.md, in a container and with an account of its own."""
    document = json.loads(project.compose("run", "--rm", "housekeeping", "reconcile", "--json"))
    assert document["found"]["lost"] == 0, document["differences"]
    assert document["counts"]["accepted_orders"] >= len(disturbed.accepted)
