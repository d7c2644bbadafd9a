"""A container that ran out of memory comes back, and a part that is scaled to nothing costs what it
alone does."""

from contextlib import closing

import httpx

from tests.cluster.shop import KubernetesShop
from tests.compose.customers import Customers, assert_each_is_one_order
from tests.e2e.conftest import Guest
from tests.waiting import eventually

# Together more than the limit leaves, each less than a server has: of all in a container the kernel
# ends what has most.
_FILL = (
    "for _ in {1..6}; do { head --bytes=90M /dev/zero; sleep 60; } | tail > /dev/null & done; wait"
)


def statuses_of_reading(guest: Guest) -> set[int]:
    product = guest.product()
    paths = ("/", f"/products/{product['slug']}", "/api/products?q=a", "/cart", "/orders")
    return {guest.http.get(path).status_code for path in paths}


def test_a_container_that_ran_out_of_memory_comes_back_with_every_order(
    shop: KubernetesShop,
) -> None:
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


def test_without_a_publisher_only_orders_fail(shop: KubernetesShop) -> None:
    with closing(Guest(shop.shop_url)) as guest:
        lines = {guest.product()["product_id"]: 1}
        with shop.scaled("publisher", 0):
            refused = guest.post_order(lines, "once-refused")
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
            assert statuses_of_reading(guest) == {200}
        accepted = eventually(
            lambda: guest.post_order(lines, "once-refused"),
            lambda answer: answer.status_code == httpx.codes.ACCEPTED,
        )
        assert guest.wait_for_end(accepted.json()["order_id"])["status"] == "confirmed"


def test_without_a_consumer_nobody_is_turned_away(shop: KubernetesShop) -> None:
    with closing(Guest(shop.shop_url)) as guest:
        lines = {guest.product()["product_id"]: 1}
        with shop.scaled("consumer", 0):
            answers = [guest.post_order(lines) for _ in range(5)]
            assert {answer.status_code for answer in answers} == {202}
            orders = [answer.json()["order_id"] for answer in answers]
            waiting = guest.http.get("/api/orders").json()["items"]
            assert {one["order_id"]: one["status"] for one in waiting} == dict.fromkeys(
                orders, "accepted"
            )
            assert statuses_of_reading(guest) == {200}
        assert {guest.wait_for_end(one)["status"] for one in orders} == {"confirmed"}
