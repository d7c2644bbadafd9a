"""`kubectl delete -k` leaves the claims, and nothing takes them unawares; applied again, the shop
knows every order and every guest."""

from contextlib import closing

import httpx

from tests.cluster.shop import NAMESPACE, KubernetesShop
from tests.compose.customers import assert_each_is_one_order
from tests.e2e.conftest import Guest
from tests.waiting import eventually

# docs/kubernetes.md: all but the namespaces, which would take the claims along, and claims.
SELECTION = "--selector=app.kubernetes.io/component notin (namespace,claim)"


def claims(shop: KubernetesShop) -> dict[str, str]:
    return {
        # Some wait for their first night, without a volume.
        one["metadata"]["name"]: one["spec"].get("volumeName", "")
        for one in shop.objects("persistentvolumeclaims")
    }


def test_a_namespace_with_claims_is_not_deleted(shop: KubernetesShop) -> None:
    assert "denied" in shop.try_kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_what_is_removed_and_applied_again_has_lost_nothing(shop: KubernetesShop) -> None:
    with closing(Guest(shop.shop_url)) as guest:
        lines = {guest.product()["product_id"]: 1}
        orders = [guest.post_order(lines).json()["order_id"] for _ in range(3)]
        assert {guest.wait_for_end(one)["status"] for one in orders} == {"confirmed"}
        # They wait in the queue while the shop is away.
        shop.scale("consumer", 0)
        waiting = [guest.post_order(lines).json()["order_id"] for _ in range(3)]
        cookies = guest.http.cookies
    before = claims(shop)
    assert len(before) >= 6

    # Nobody need wait for one object after the other; pods are what takes time.
    shop.cluster.kubectl("delete", "-k", str(shop.overlay), SELECTION, "--wait=false")
    # Jobs of an earlier release stay: kubectl knows no name of theirs.
    eventually(
        lambda: [one.name for one in shop.pods() if not one.job],
        lambda left: left == [],
        seconds=120,
        pause_seconds=0.5,
    )
    assert claims(shop) == before

    shop.apply()
    shop.wait_until_settled()
    assert claims(shop) == before
    with httpx.Client(base_url=shop.shop_url, cookies=cookies, timeout=15) as again:
        eventually(
            lambda: {
                again.get(f"/api/orders/{one}").json()["status"] for one in (*orders, *waiting)
            },
            lambda found: found == {"confirmed"},
            seconds=60,
        )
        listed = again.get("/api/orders").json()["items"]
    assert {one["order_id"] for one in listed} == {*orders, *waiting}
    assert_each_is_one_order(shop, [*orders, *waiting])
