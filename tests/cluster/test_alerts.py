"""Who is on call reads of what happened before: of the container that ran out of memory."""

import httpx

from tests.cluster.shop import KubernetesShop
from tests.waiting import eventually


def test_the_alert_about_the_memory_is_on_the_page(shop: KubernetesShop) -> None:
    """By kube-state-metrics, vmalert and Alertmanager, each let through by the other's policy."""
    page = shop.url("alert-page", 8090)

    def delivered() -> tuple[str, str]:
        firing, _, lately = httpx.get(page).text.partition("<h2>Delivered lately</h2>")
        return firing, lately

    said = "mysql-0 (mysql) was killed"
    firing, _ = eventually(delivered, lambda found: said in found[1], seconds=120, pause_seconds=1)
    assert f"ContainerOutOfMemory: {said}" in firing
    assert "It ran into its own limit" in firing
    assert "cannot be relied on" not in firing
