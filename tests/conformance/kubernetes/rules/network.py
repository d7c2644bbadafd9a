"""Network policies are the call graph, in both directions, and nothing is left open."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from tests.conformance.kubernetes.calls import OUTSIDERS, Outsider, calls_of
from tests.conformance.kubernetes.manifests import Manifests, Object, Pod, selects

Policy = dict[str, Any]
# Of documentation (RFC 5737): stands for any address that is not a pod's.
SOME_ADDRESS = ip_address("203.0.113.7")
DNS = 53


def every_pod_is_denied_by_default(shop: Manifests) -> Iterator[str]:
    for namespace in sorted({pod.namespace for pod in shop.pods}):
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
    wanted, names = calls_of(shop), {pod.name for pod in shop.pods}
    ports = sorted({port for _, _, port in wanted} | {DNS, 443})
    members: list[Pod | Outsider] = [*shop.pods, *OUTSIDERS]
    for client in members:
        for server in members:
            if client.name == server.name or not {client.name, server.name} & names:
                continue
            for port in ports:
                call = (client.name, server.name, port)
                leaves, enters = _may(shop, client, server, port)
                for allowed, what in ((leaves, "may send to"), (enters, "is let in by")):
                    if allowed is not None and allowed != (call in wanted):
                        verb = what if allowed else f"ought to be able: {what}"
                        yield f"{client.name} {verb} {server.name}:{port}"


def _may(
    shop: Manifests, client: Pod | Outsider, server: Pod | Outsider, port: int
) -> tuple[bool | None, bool | None]:
    """Whether the client's own policies let it out, and the server's let it in; None for whom no
    policy of ours is about."""
    leaves = enters = None
    if isinstance(client, Pod):
        leaves = _allowed(shop, client, "egress", server, server, port)
    if isinstance(server, Pod):
        enters = _allowed(shop, server, "ingress", client, server, port)
    return leaves, enters


def _allowed(
    shop: Manifests,
    pod: Pod,
    direction: str,
    peer: Pod | Outsider,
    server: Pod | Outsider,
    port: int,
) -> bool:
    policies = [
        one
        for one in _policies(shop, pod.namespace)
        if selects(one["podSelector"], pod.labels)
        and direction.capitalize() in one.get("policyTypes", ())
    ]
    return not policies or any(
        _has_peer(shop, pod, rule.get("to" if direction == "egress" else "from", ()), peer)
        and _has_port(rule.get("ports", ()), server, port)
        for one in policies
        for rule in one.get(direction, ())
    )


def _has_peer(shop: Manifests, pod: Pod, allowed: Sequence[Policy], peer: Pod | Outsider) -> bool:
    return not allowed or any(_is_peer(shop, pod, one, peer) for one in allowed)


def _is_peer(shop: Manifests, pod: Pod, allowed: Policy, peer: Pod | Outsider) -> bool:
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
    elif peer.namespace != pod.namespace:
        return False
    return "podSelector" not in allowed or selects(allowed["podSelector"], dict(peer.labels))


def _has_port(allowed: Sequence[Policy], server: Pod | Outsider, port: int) -> bool:
    named = server.ports if isinstance(server, Pod) else {}
    return not allowed or any(
        "port" not in one
        or named.get(one["port"], one["port"]) == port
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
