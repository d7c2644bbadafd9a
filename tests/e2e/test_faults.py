"""Processes die, stop and come back; no order is lost and none is doubled."""

import itertools
import os
import signal
import threading
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import (
    Guest,
    assert_stock_is_the_sum_of_its_ledger,
    eventually,
    rows,
)
from tests.stack import RunningStack, processes_of

pytestmark = pytest.mark.e2e

SERVICES = ("frontend", "api-gw", "service-http", "publisher", "consumer")


def post_orders(guest: Guest, number: int) -> list[str]:
    product = guest.product()["product_id"]
    answers = [guest.post_order({product: 1}) for _ in range(number)]
    assert {answer.status_code for answer in answers} == {202}
    return [answer.json()["order_id"] for answer in answers]


def wait_for_rows(stack: RunningStack, order_ids: list[str]) -> None:
    """Every order has its row, and took the stock of its one watch exactly once."""
    assert len(set(order_ids)) == len(order_ids)
    eventually(
        lambda: set(order_ids) - {row["order_id"] for row in rows(stack, "SELECT * FROM orders")},
        lambda missing: not missing,
        seconds=60,
    )
    changes = rows(
        stack, "SELECT order_id, l.change FROM stock_ledger l WHERE order_id IS NOT NULL"
    )
    taken = [row["change"] for row in changes if row["order_id"] in set(order_ids)]
    assert taken == [-1] * len(order_ids)
    assert_stock_is_the_sum_of_its_ledger(stack)


def test_a_consumer_killed_in_the_middle_loses_and_doubles_nothing(
    own_stack: RunningStack,
) -> None:
    with closing(Guest(own_stack.shop_url)) as guest:
        order_ids: list[str] = []
        for _ in range(4):
            order_ids += post_orders(guest, 25)
            own_stack.kill("consumer")
        order_ids += post_orders(guest, 5)
        wait_for_rows(own_stack, order_ids)
        listed = guest.http.get("/api/orders").json()["items"]
    assert {order["status"] for order in listed} == {"confirmed"}


def test_killed_services_come_back_and_the_shop_heals(own_stack: RunningStack) -> None:
    with closing(Guest(own_stack.shop_url)) as guest:
        for name in ("service-http", "publisher", "api-gw", "frontend"):
            before = own_stack.pid(name)
            own_stack.kill(name)
            eventually(lambda name=name: own_stack.pid(name), lambda pid, old=before: pid != old)
            eventually(lambda: products_status(own_stack.shop_url), lambda status: status == 200)
        order_ids = post_orders(guest, 1)
        wait_for_rows(own_stack, order_ids)


def products_status(shop_url: str) -> int:
    try:
        return httpx.get(f"{shop_url}/api/products?page_size=1", timeout=10).status_code
    except httpx.TransportError:
        return 0


def test_a_killed_queue_gives_503_and_keeps_what_it_accepted(own_stack: RunningStack) -> None:
    with closing(Guest(own_stack.shop_url)) as guest:
        product = guest.product()["product_id"]
        own_stack.pause("consumer")
        order_ids = post_orders(guest, 10)
        own_stack.kill("queue-redis")
        refused = guest.post_order({product: 1}, "while-the-queue-is-away")
        if refused.status_code != 202:  # it may be back already
            assert refused.status_code == 503
            assert "retry-after" in refused.headers
        answer = eventually(
            lambda: guest.post_order({product: 1}, "while-the-queue-is-away"),
            lambda answer: answer.status_code == 202,
        )
        own_stack.resume("consumer")
        wait_for_rows(own_stack, [*order_ids, answer.json()["order_id"]])


def test_a_killed_cache_costs_speed_and_no_error(own_stack: RunningStack) -> None:
    with closing(Guest(own_stack.shop_url)) as guest:
        own_stack.pause("cache-redis")
        statuses = {guest.http.get("/api/products?sort=price").status_code for _ in range(20)}
        own_stack.kill("cache-redis")
        statuses |= {guest.http.get("/api/products?sort=price").status_code for _ in range(20)}
    assert statuses == {200}


def test_stop_and_start_loses_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("kept here")  # with a space in it
    with RunningStack(data) as stack, closing(Guest(stack.shop_url)) as guest:
        stack.pause("consumer")
        order_ids = post_orders(guest, 30)
        stack.resume("consumer")
        assert stack.stop() == 0
        assert_all_stopped_in_reverse_order(stack)
        # Good with the secret that lies with the data; at other ports its name has another ending,
        # and without any it is known everywhere.
        _, token = guest.guest_cookie
    with RunningStack(data) as stack:
        with httpx.Client(base_url=stack.shop_url, cookies={"arloji_guest": token}) as again:
            statuses = eventually(
                lambda: [again.get(f"/api/orders/{one}").json()["status"] for one in order_ids],
                lambda found: set(found) == {"confirmed"},
            )
        assert len(statuses) == len(order_ids)
        wait_for_rows(stack, order_ids)
        assert stack.stop() == 0


def assert_all_stopped_in_reverse_order(stack: RunningStack) -> None:
    """And nobody had anything else to say about it."""
    said = stack.output().partition("arloji        stopping")[2].splitlines()[1:-1]
    names = [*SERVICES, "telemetry", "cache-redis", "queue-redis"]
    assert [line.split() for line in said] == [[name, "stopped"] for name in names]
    assert list((stack.data / "run").glob("*.pid")) == []
    assert processes_of(stack.data) == []


def test_every_service_ends_well_on_sigterm_under_load(own_stack: RunningStack) -> None:
    """Requests and orders are under way as each service is told to stop."""
    with closing(Guest(own_stack.shop_url)) as guest:
        # By turns: however many orders it gets, no watch may sell out.
        watches = itertools.cycle(guest.plentiful_products())
        stop, accepted = threading.Event(), []

        def shop() -> None:
            while not stop.is_set():
                with suppress(httpx.TransportError):  # nobody listens while the frontend is away
                    answer = guest.post_order({next(watches): 1})
                    if answer.status_code == 202:
                        accepted.append(answer.json()["order_id"])

        customer = threading.Thread(target=shop)
        customer.start()
        for name in ("consumer", "publisher", "service-http", "api-gw", "frontend"):
            wait_for_more(accepted)
            well_ended = own_stack.count_lines(name, "ended (exit 0)")
            os.kill(own_stack.pid(name), signal.SIGTERM)
            eventually(
                lambda name=name: own_stack.count_lines(name, "ended (exit 0)"),
                lambda number, before=well_ended: number > before,
            )
            wait_for_more(accepted)
        stop.set()
        customer.join(timeout=30)
        wait_for_rows(own_stack, accepted)


def wait_for_more(accepted: list[str]) -> None:
    wanted = len(accepted) + 5
    eventually(lambda: len(accepted), lambda number: number >= wanted)


def test_nothing_is_left_behind_when_the_launcher_is_killed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The next run, started at once, waits until all of it has ended in its own time."""
    options = ["--set", "consumer.DRAIN_SECONDS=3"]
    with RunningStack(tmp_path_factory.mktemp("orphans"), options) as stack:
        pids = [stack.pid(name) for name in (*SERVICES, "queue-redis", "cache-redis")]
        stack.launcher.kill()
        stack.start()
        assert stack.wait_for_line("ready after")
        assert "waiting for what a killed run left" in stack.output()
        assert [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()] == []
        assert stack.stop() == 0
        assert processes_of(stack.data) == []


def test_reading_goes_on_while_orders_wait(own_stack: RunningStack) -> None:
    with closing(Guest(own_stack.shop_url)) as guest:
        own_stack.pause("consumer")
        (order_id,) = post_orders(guest, 1)
        seen = {guest.http.get(f"/api/orders/{order_id}").json()["status"] for _ in range(20)}
        own_stack.resume("consumer")
        assert seen == {"accepted"}
        assert guest.wait_for_end(order_id)["status"] == "confirmed"
