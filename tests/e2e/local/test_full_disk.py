"""The disk under the data folder fills up and is freed again; the shop goes on by itself."""

import re
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.disks import SmallDisk, small_disk
from tests.e2e.conftest import Guest, assert_stock_is_the_sum_of_its_ledger, eventually
from tests.e2e.local.conftest import Launch
from tests.stack import RunningStack

pytestmark = pytest.mark.e2e

# Five starts of a child, with all the pauses between them, would be over by then.
_LONG_SECONDS = 20.0


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    with small_disk(tmp_path_factory.mktemp("full"), 80) as disk:
        yield disk


def test_a_full_disk_is_waited_out(disk: SmallDisk) -> None:
    """Reading goes on, orders are refused, and what was accepted before is stored after it."""
    data = disk.path.with_name("var")  # what the shop says is kept beside it
    data.symlink_to(disk.path)
    with RunningStack(data) as stack, closing(Guest(stack.shop_url)) as guest:
        product = guest.product()["product_id"]
        stack.pause("consumer")
        accepted = [guest.post_order({product: 1}).json()["order_id"] for _ in range(3)]
        disk.fill()
        stack.resume("consumer")  # which cannot commit
        answer = eventually(
            lambda: guest.post_order({product: 1}, "on-a-full-disk"),
            lambda answer: answer.status_code != 202,
        )
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        end = time.monotonic() + _LONG_SECONDS
        while time.monotonic() < end:
            assert guest.http.get(f"/api/products/{product}").status_code == 200
            time.sleep(0.05)
        disk.free()
        answer = eventually(
            lambda: guest.post_order({product: 1}, "on-a-full-disk"),
            lambda answer: answer.status_code == 202,
        )
        for order_id in (*accepted, answer.json()["order_id"]):
            assert guest.wait_for_end(order_id)["status"] == "confirmed"
        assert_stock_is_the_sum_of_its_ledger(stack)
        assert stack.stop() == 0
        assert "Traceback" not in stack.output()
        assert stack.count_lines("queue-redis", "ended") == 1
        assert "(no space left on device); starting again" in stack.output()


def test_a_start_on_a_full_disk_is_one_clear_sentence(disk: SmallDisk, launch: Launch) -> None:
    disk.fill(leaving=100_000)
    code, said = launch(data=disk.path / "var")
    assert code == 1
    assert re.fullmatch(r".*no space left on device.*ARLOJI_DATA.*\n", said)
