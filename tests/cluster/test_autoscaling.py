"""A metrics server beside the real node: autoscalers know what containers use, and act on it."""

from tests.cluster.shop import SERVICES, KubernetesShop
from tests.compose.customers import Customers
from tests.waiting import eventually


def cpu_of(shop: KubernetesShop) -> dict[str, int]:
    """In per cent of the request, by autoscaler, as far as they know."""
    return {
        scaler["metadata"]["name"]: current["averageUtilization"]
        for scaler in shop.objects("horizontalpodautoscalers")
        for one in scaler["status"].get("currentMetrics") or ()
        if (found := one.get("containerResource", {})).get("name") == "cpu"
        if "averageUtilization" in (current := found["current"])
    }


def test_load_brings_replicas_by_what_is_really_used(shop: KubernetesShop) -> None:
    shop.cluster.measure()
    eventually(lambda: cpu_of(shop).keys(), lambda known: known >= {*SERVICES, "ingress"}, 120, 1)
    with Customers(shop.shop_url, ordering=1, browsing=6, pause_seconds=0.02) as customers:
        eventually(lambda: cpu_of(shop).get("frontend", 0), lambda share: share > 65, 120, 1)
        eventually(lambda: len(shop.running("frontend")), lambda number: number > 2, 120, 1)
        customers.wait_for_orders(2)
    assert "frontend-" in shop.kubectl("top", "pods")
