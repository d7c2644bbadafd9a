"""The volume of the database is lost on purpose. By the documented commands every accepted order is
there again, or is named, and its retry brings it back."""

import json
from collections import Counter
from contextlib import closing
from itertools import chain

from tests.compose.project import ROOT, ComposeProject
from tests.e2e.conftest import Guest, assert_stock_is_the_sum_of_its_ledger
from tests.waiting import eventually


class Customer(Guest):
    """One who sees to it that each order is accepted."""

    def __init__(self, project: ComposeProject) -> None:
        super().__init__(project.shop_url)
        self._product = self.product()["product_id"]

    def accept(self, *keys: str) -> dict[str, str]:
        """Key → order."""
        answers = [self.post_order({self._product: 1}, key) for key in keys]
        assert {one.status_code for one in answers} == {202}, [one.text for one in answers]
        return {key: one.json()["order_id"] for key, one in zip(keys, answers, strict=True)}


def documented(heading: str) -> list[str]:
    text = (ROOT / "docs/housekeeping.md").read_text()
    block = text.partition(f"\n### {heading}\n")[2].partition("```sh\n")[2].partition("```")[0]
    assert block
    return block.splitlines()


def stored(project: ComposeProject) -> Counter[str]:
    return Counter(row["order_id"] for row in project.rows("SELECT order_id FROM orders"))


def differences(project: ComposeProject) -> set[tuple[str, str]]:
    """Subject and kind of each, also where the command ends with 1."""
    command = "docker compose run --rm housekeeping reconcile --json || [ $? = 1 ]"
    found = json.loads(project.run("sh", "-c", command))["differences"]
    return {(one["subject"], one["kind"]) for one in found}


def settled(project: ComposeProject, *orders: dict[str, str]) -> None:
    wanted = set(chain(*(one.values() for one in orders)))
    eventually(lambda: wanted - stored(project).keys(), lambda left: not left, seconds=120)


def named(orders: dict[str, str]) -> set[tuple[str, str]]:
    return {(order_id, "after_backup") for order_id in orders.values()}


def test_a_lost_database_loses_no_order_that_is_not_named(project: ComposeProject) -> None:
    with closing(Customer(project)) as customer:
        before = customer.accept("before-1", "before-2")
        settled(project, before)
        known, left_by_others = stored(project), differences(project)
        project.compose("run", "--rm", "housekeeping", "backup")
        after = customer.accept("after-1", "after-2")
        settled(project, after)
        project.compose("stop", "consumer")
        waiting = customer.accept("waiting-1", "waiting-2")

        for command in documented("A lost database in Docker"):
            project.run("sh", "-c", command.replace("arloji_", f"{project.name}_"))

        settled(project, waiting)
        assert stored(project).keys() >= known.keys()
        assert differences(project) - left_by_others == named(after)
        # What a customer does who never saw an order stored.
        orders = before | after | waiting
        assert customer.accept(*orders) == orders
        settled(project, orders)
        assert differences(project) <= left_by_others
        assert set(stored(project).values()) == {1}
        assert_stock_is_the_sum_of_its_ledger(project)
