"""The volume of the database is lost on purpose. By the documented commands every accepted order is
there again, or is named, and its retry brings it back."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing

from tests.compose.project import ROOT, ComposeProject
from tests.e2e.conftest import Guest, assert_stock_is_the_sum_of_its_ledger
from tests.waiting import eventually


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


def test_a_lost_database_loses_no_order_that_is_not_named(project: ComposeProject) -> None:
    with closing(Guest(project.shop_url)) as guest:
        product = guest.product()["product_id"]

        def accept(keys: Sequence[str]) -> dict[str, str]:
            answers = [guest.post_order({product: 1}, key) for key in keys]
            assert {one.status_code for one in answers} == {202}, [one.text for one in answers]
            return {key: one.json()["order_id"] for key, one in zip(keys, answers, strict=True)}

        def settled(*orders: dict[str, str]) -> None:
            wanted = {order_id for one in orders for order_id in one.values()}
            eventually(lambda: wanted - stored(project).keys(), lambda left: not left, seconds=120)

        before = accept(["before-1", "before-2"])
        settled(before)
        known, left_by_others = stored(project), differences(project)
        project.compose("run", "--rm", "housekeeping", "backup")
        after = accept(["after-1", "after-2"])
        settled(after)
        project.compose("stop", "consumer")
        waiting = accept(["waiting-1", "waiting-2"])

        for command in documented("A lost database in Docker"):
            project.run("sh", "-c", command.replace("arloji_", f"{project.name}_"))

        settled(waiting)
        assert stored(project).keys() >= known.keys()
        lost = {(order_id, "after_backup") for order_id in after.values()}
        assert differences(project) - left_by_others == lost
        # What a customer does who never saw an order stored.
        orders = before | after | waiting
        assert accept(list(orders)) == orders
        settled(orders)
    assert differences(project) <= left_by_others
    assert set(stored(project).values()) == {1}
    assert_stock_is_the_sum_of_its_ledger(project)
