"""Network policies are the call graph, in both directions, and nothing is left open."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

from tests.conformance.kubernetes.calls import (
    ANYONE,
    API_PORTS,
    Outsider,
    calls_of,
    outsiders_of,
)
from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import Object, Pod, reference, selects
from tests.conformance.kubernetes.rules.confinement import NODES, SHOP

Policy = dict[str, Any]
Member = Pod | Outsider
_OURS = {SHOP, NODES}
# Of documentation (RFC 5737): stands for any address that is not a pod's.
SOME_ADDRESS = ip_address("203.0.113.7")
DNS = 53


def every_pod_is_denied_by_default(shop: Manifests) -> Iterator[str]:
    for namespace in sorted({pod.namespace for pod in shop.pods} & _OURS):
        everything = {
            direction
            for one in _policies(shop, namespace)
            if not one["podSelector"]
            for direction in one.get("policyTypes", ())
            if not one.get(direction.lower())
        }
        if everything != {"Ingress", "Egress"}:
            yield f"namespace {namespace} does not deny what nobody allows"


def policies_allow_the_calls_and_no_others(shop: Manifests) -> Iterator[str]:
    """Each end by itself: only what both allow is possible, and neither may rely on the other."""
    wanted = calls_of(shop)
    ports = sorted({port for _, _, port in wanted} | {DNS, *API_PORTS})
    own = [pod for pod in shop.pods if pod.namespace in _OURS]
    members: list[Member] = [*own, *outsiders_of(shop)]
    for member in members:
        if member.namespace not in _OURS:
            continue
        others = [one for one in members if one.name != member.name]
        sent = _allowed(shop, member, "egress", others, ports)
        taken = _allowed(shop, member, "ingress", others, ports)
        for other, port in product(others, ports):
            call = (member.name, other.name, port)
            right = bool({call, (member.name, ANYONE, port)} & wanted)
            if ((other.name, port) in sent) != right:
                yield f"{member.name} {'cannot' if right else 'can'} send to {other.name}:{port}"
            call = (other.name, member.name, port)
            right = bool({call, (ANYONE, member.name, port)} & wanted)
            if ((other.name, port) in taken) != right:
                yield f"{other.name} {'is not' if right else 'is'} let in by {member.name}:{port}"


def ports_say_their_protocol(shop: Manifests) -> Iterator[str]:
    """The API server writes the default into a list that kubectl then compares as a whole, and
    sends again with each apply."""
    for one in shop.of("NetworkPolicy"):
        for direction in ("ingress", "egress"):
            for rule in one["spec"].get(direction, ()):
                if any("protocol" not in port for port in rule.get("ports", ())):
                    yield f"{reference(one)} is sent again by each apply"


def calls_lead_to_ports_that_are_declared(shop: Manifests) -> Iterator[str]:
    declared = {pod.name: set(pod.ports.values()) for pod in shop.pods}
    for _, server, port in sorted(calls_of(shop)):
        if port not in declared.get(server, {port}):
            yield f"{server} is called on {port} and declares {sorted(declared[server])}"


def _allowed(
    shop: Manifests, member: Member, direction: str, others: Sequence[Member], ports: Sequence[int]
) -> set[tuple[str, int]]:
    """With whom and on which port the member's own policies let it speak."""
    rules = _rules_of(shop, member, direction)
    if rules is None:
        return {(other.name, port) for other in others for port in ports}
    peers = "to" if direction == "egress" else "from"
    return {
        (other.name, port)
        for rule in rules
        for other in others
        if _has_peer(shop, member, rule.get(peers, ()), other)
        for port in ports
        if _has_port(rule.get("ports", ()), other if direction == "egress" else member, port)
    }


def _rules_of(shop: Manifests, member: Member, direction: str) -> list[Policy] | None:
    """None for whom no policy is about, and who may do anything therefore."""
    policies = [
        one
        for one in _policies(shop, str(member.namespace))
        if selects(one["podSelector"], member.labels)
        and direction.capitalize() in one.get("policyTypes", ())
    ]
    return [rule for one in policies for rule in one.get(direction, ())] if policies else None


def _has_peer(shop: Manifests, member: Member, allowed: Sequence[Policy], peer: Member) -> bool:
    return not allowed or any(_is_peer(shop, member, one, peer) for one in allowed)


def _is_peer(shop: Manifests, member: Member, allowed: Policy, peer: Member) -> bool:
    if block := allowed.get("ipBlock"):
        # A pod may be selected by its address as well; no policy of ours relies on it.
        inside = SOME_ADDRESS in ip_network(block["cidr"])
        return peer.namespace is None and inside
    if peer.namespace is None:
        return False
    if "namespaceSelector" in allowed:
        labels = _namespace_labels(shop, peer.namespace)
        if not selects(allowed["namespaceSelector"], labels):
            return False
    elif peer.namespace != member.namespace:
        return False
    return "podSelector" not in allowed or selects(allowed["podSelector"], peer.labels)


def _has_port(allowed: Sequence[Policy], server: Member, port: int) -> bool:
    named = server.ports if isinstance(server, Pod) else {}
    return not allowed or any(
        "port" not in one
        or one["port"] == port
        or named.get(one["port"]) == port
        or ("endPort" in one and one["port"] <= port <= one["endPort"])
        for one in allowed
    )


def _namespace_labels(shop: Manifests, name: str) -> dict[str, str]:
    found: Object = shop.find("Namespace", name) or {"metadata": {}}
    return {"kubernetes.io/metadata.name": name, **found["metadata"].get("labels", {})}


def _policies(shop: Manifests, namespace: str) -> list[Policy]:
    return [
        one["spec"]
        for one in shop.of("NetworkPolicy")
        if one["metadata"].get("namespace") == namespace
    ]
