"""Numbers that do not go together. The edges are those of other sets than `small`."""

from typing import Any

from tests.conformance.kubernetes.planting import MAIN, POD, Fault, add, put
from tests.conformance.kubernetes.rules import agreements as rules

_INGRESS: dict[str, str] = {
    "nginx.org/proxy-read-timeout": "60s",
    "nginx.org/limit-req-rate": "200r/s",
    "nginx.org/limit-req-burst": "400",
    "nginx.ingress.kubernetes.io/limit-rps": "200",
    "nginx.ingress.kubernetes.io/limit-burst-multiplier": "5",
}
_RULES: list[dict[str, Any]] = [{"rate": "200r/s", "burst": 400}]
_QUEUE_IMAGE = f"{POD}/initContainers/0/image"

FAULTS = (
    Fault(
        rules.timeouts_get_shorter_hop_by_hop,
        [
            put(
                "Deployment/api-gw",
                f"{MAIN}/env/-",
                {"name": "REQUEST_TIMEOUT_SECONDS", "value": "7"},
            )
        ],
        "Deployment/api-gw answers within 7 s, whoever asks it waits 6 s",
    ),
    Fault(
        rules.other_edges_have_the_timeouts_of_ours,
        [add("Ingress", "x"), put("Ingress/x", "/metadata/annotations", _INGRESS)],
        "Ingress/x: nginx.org/proxy-read-timeout is 60s, ours 10s",
    ),
    Fault(
        rules.other_edges_have_the_timeouts_of_ours,
        [add("ProxySettingsPolicy", "x", spec={"timeout": {"read": "10s"}})],
        "ProxySettingsPolicy/x: send is None, ours 10s",
    ),
    Fault(
        rules.other_edges_limit_as_ours_does,
        [add("Ingress", "x"), put("Ingress/x", "/metadata/annotations", _INGRESS)],
        r"Ingress/x limits to \('200r/s', 1000\)",
    ),
    Fault(
        rules.other_edges_limit_as_ours_does,
        [add("RateLimitPolicy", "x-orders", spec={"rateLimit": {"local": {"rules": _RULES}}})],
        r"RateLimitPolicy/x-orders limits to \('200r/s', 400\), ours to \('50r/s', 100\)",
    ),
    Fault(
        rules.databases_have_a_connection_for_every_replica,
        [put("HorizontalPodAutoscaler/service-http", "/spec/maxReplicas", 20)],
        "MySQL takes 60 connections",
    ),
    Fault(
        rules.a_release_rolls_programs_of_the_shop_alone,
        [put("StatefulSet/otel-collector", _QUEUE_IMAGE, "arloji/service:local")],
        r"StatefulSet/otel-collector runs \['queue'\] from an image of the shop",
    ),
    Fault(
        rules.a_bare_python_is_that_of_the_services,
        [put("StatefulSet/otel-collector", _QUEUE_IMAGE, "python:3.11.1-slim")],
        "StatefulSet/otel-collector/queue runs python:3.11.1-slim, the services python:3.14",
    ),
)
