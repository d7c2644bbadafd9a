"""Load brings more replicas, its end takes them away, and an apply in between does neither."""

from typing import Any

from tests.kubernetes.shop import Shop
from tests.waiting import eventually

_BEHAVIOUR = "k8s/components/hpa/autoscalers/behavior.yaml"
# Measured every 10 s, asked every 5 s, and a rate takes two measurements.
_SCALE_SECONDS = 120


def test_replicas_follow_the_usage_of_their_own_containers(shop: Shop) -> None:
    shop.use("small")
    # The same manifests, in less than the five minutes and the pod a minute that they ask for.
    shop.change(_BEHAVIOUR, "stabilizationWindowSeconds: 300", "stabilizationWindowSeconds: 10")
    shop.change(
        _BEHAVIOUR,
        "{type: Pods, value: 1, periodSeconds: 60}",
        "{type: Pods, value: 4, periodSeconds: 15}",
    )
    shop.apply("small")
    eventually(lambda: _measured(shop), seconds=_SCALE_SECONDS, pause_seconds=1)
    others = {"api-gw", "service-http", "publisher", "consumer", "ingress"}
    assert _replicas(shop, "frontend") == 2

    # Well above the 65 % of its request that it aims at.
    shop.nodes.set_usage(cpu=f"{2 * _cpu_request_millicores(shop, 'frontend')}m", name="frontend")
    busy = eventually(
        lambda: _replicas(shop, "frontend"),
        lambda count: count >= 4,
        seconds=_SCALE_SECONDS,
        pause_seconds=1,
    )
    assert {name: _replicas(shop, name) for name in others} == dict.fromkeys(others, 2)
    shop.apply("small")
    assert _replicas(shop, "frontend") >= busy

    shop.nodes.set_usage()
    eventually(
        lambda: _replicas(shop, "frontend"),
        lambda count: count == 2,
        seconds=_SCALE_SECONDS,
        pause_seconds=1,
    )
    shop.wait_until_settled()


def _measured(shop: Shop) -> bool:
    """Whether every autoscaler knows what it looks at."""
    conditions = [
        {condition["type"]: condition["status"] for condition in scaler["status"]["conditions"]}
        for scaler in shop.objects("horizontalpodautoscalers")
    ]
    return all(condition.get("ScalingActive") == "True" for condition in conditions)


def _replicas(shop: Shop, name: str) -> int:
    return _deployment(shop, name)["spec"]["replicas"]


def _cpu_request_millicores(shop: Shop, name: str) -> int:
    (container,) = _deployment(shop, name)["spec"]["template"]["spec"]["containers"]
    request = container["resources"]["requests"]["cpu"]
    return int(request.removesuffix("m")) if request.endswith("m") else 1000 * int(request)


def _deployment(shop: Shop, name: str) -> dict[str, Any]:
    (found,) = shop.objects("deployments", f"--selector=app.kubernetes.io/name={name}")
    return found
