"""A new image under load: plain `up` has a gap, which is measured; `make upgrade` has none."""

import os
import sys
from typing import Any

from tests.compose.customers import Customers, assert_each_is_one_order
from tests.compose.project import ComposeProject
from tests.e2e.conftest import eventually

SERVICES = ("frontend", "api-gw", "service-http", "publisher", "consumer")
# `make test-release` asks for the whole promise. CI leaves out those that `make secrets` replaces
# in the same way (test_rotation.py).
LONG = os.environ.get("LONG_TESTS") == "1"
REPLACED = SERVICES if LONG else ("publisher", "api-gw", "frontend")


def new_image(project: ComposeProject, version: str) -> None:
    """Another image under another tag, as the next release is."""
    project.environment["ARLOJI_VERSION"] = version
    project.build("bootstrap")


def images(project: ComposeProject, *services: str) -> set[str]:
    ids = [one.id for one in project.containers(*services)]
    return set(project.run("docker", "inspect", "--format", "{{.Config.Image}}", *ids).split())


def test_make_upgrade_fails_no_request(project: ComposeProject) -> None:
    before = {service: len(project.containers(service)) for service in SERVICES}
    started = {one.name: one.started_at for one in project.containers() if one.service == "mysql"}
    options: dict[str, Any] = {"ordering": 8, "browsing": 16, "pause_seconds": 0.05} if LONG else {}
    project.environment["ARLOJI_VERSION"] = "tests-2"
    with Customers(project.shop_url, **options) as customers:
        customers.wait_for_orders(3)
        project.run("make", "upgrade", f"PYTHON={sys.executable}", f"OPTIONS={' '.join(REPLACED)}")
        if LONG:
            eventually(lambda: customers.requests, lambda number: number > 10_000, seconds=600)
        customers.wait_for_orders(3)
    assert images(project, *REPLACED) == {"arloji/service:tests-2"}
    assert {service: len(project.containers(service)) for service in SERVICES} == before
    assert {
        one.name: one.started_at for one in project.containers() if one.service == "mysql"
    } == started
    assert customers.failures == [], customers.answers
    assert customers.requests > (10_000 if LONG else 500)
    assert_each_is_one_order(project, customers.accepted)


def test_up_of_a_new_image_loses_no_order_and_doubles_none(project: ComposeProject) -> None:
    new_image(project, "tests-3")
    with Customers(project.shop_url) as customers:
        customers.wait_for_orders(3)
        project.up()
        customers.wait_for_orders(3)
    gaps = {what: customers.longest_gap(what) for what in ("order", "browse")}
    shown = ", ".join(f"{what} {gap:.1f} s" for what, gap in gaps.items())
    print(f"gap of `up --detach` with a new image: {shown}")  # noqa: T201 (docs/operations.md)
    assert images(project, *SERVICES) == {"arloji/service:tests-3"}
    assert_each_is_one_order(project, customers.accepted)
    assert {failure.status for failure in customers.failures} <= {0, 502, 503, 504}
    # Far from what a person would wait; the measured figure is in docs/operations.md.
    assert max(gaps.values()) < 60
