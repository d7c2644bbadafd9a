"""A way that the contract does not have, or lacks one that it has."""

from typing import Any

from tests.conformance.kubernetes.planting import MAIN, Change, Fault, add, put
from tests.conformance.kubernetes.rules import network as rules


def _policy(direction: str, name: str, **rule: Any) -> Change:
    """One more for a pod: policies add up, and none can take away."""
    spec = {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
        "policyTypes": [direction],
        direction.lower(): [rule],
    }
    return add("NetworkPolicy", "planted", spec=spec)


def _pod(name: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"app.kubernetes.io/name": name}}}


def _without_policies(selecting: str) -> Change:
    """All that are for one pod."""

    def change(objects: list[Any]) -> None:
        objects[:] = [
            one
            for one in objects
            if one["kind"] != "NetworkPolicy" or selecting not in str(one["spec"]["podSelector"])
        ]

    return change


def _without_default(objects: list[Any]) -> None:
    objects[:] = [
        one for one in objects if one["kind"] != "NetworkPolicy" or one["spec"]["podSelector"]
    ]


FAULTS = (
    Fault(
        rules.ports_say_their_protocol,
        [_policy("Egress", "drill", to=[_pod("otel-collector")], ports=[{"port": 4318}])],
        "NetworkPolicy/planted is sent again",
    ),
    Fault(
        rules.policies_allow_the_calls_and_no_others,
        [_policy("Egress", "drill", to=[_pod("mysql")], ports=[{"port": 3306}])],
        "drill can send to mysql:3306",
    ),
    Fault(
        rules.calls_lead_to_ports_that_are_declared,
        [put("StatefulSet/mysql", f"{MAIN}/ports/0/containerPort", 3307)],
        r"mysql is called on 3306 and declares \[3307\]",
    ),
    Fault(
        rules.every_pod_is_denied_by_default,
        [_without_default],
        "namespace arloji does not deny what nobody allows",
    ),
    Fault(
        rules.policies_allow_the_calls_and_no_others,
        [_policy("Egress", "frontend", to=[_pod("mysql")])],
        "frontend can send to mysql:3306",
    ),
    Fault(
        rules.policies_allow_the_calls_and_no_others,
        [_policy("Ingress", "mysql", **{"from": [_pod("frontend")]})],
        "frontend is let in by mysql:3306",
    ),
    Fault(
        rules.policies_allow_the_calls_and_no_others,
        [_policy("Egress", "consumer", to=[{"ipBlock": {"cidr": "0.0.0.0/0"}}])],
        "consumer can send to anyone:443",
    ),
    Fault(
        rules.policies_allow_the_calls_and_no_others,
        [_policy("Ingress", "queue-redis", **{"from": [{"namespaceSelector": {}}]})],
        "stranger is let in by queue-redis:6379",
    ),
    Fault(
        rules.policies_allow_the_calls_and_no_others,
        [_policy("Ingress", "frontend", ports=[{"port": 8080}])],
        "anyone is let in by frontend:8080",
    ),
    Fault(
        rules.policies_allow_the_calls_and_no_others,
        [_without_policies("otel-collector")],
        "otel-collector cannot send to victoria-logs:9428",
    ),
)
