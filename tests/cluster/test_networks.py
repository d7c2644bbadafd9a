"""Who may reach whom, enforced: every pod tries every listening port of every other one, and the
answer must be the call graph of the contract, no more and no less."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.shop import NAMESPACE, KubernetesShop
from tests.compose.test_networks import REACHABLE
from tests.conformance.kubernetes.calls import ANYONE, API, EDGE, SCRAPED, SHOP, TELEMETRY
from tools.cluster.network import CONTROL_PLANE_ADDRESS

API_SERVER, STRANGER = "API server", "stranger"
_API_PORT = 6443
CALLS = {*SHOP, *EDGE, *TELEMETRY, *SCRAPED, *API}
# Whom policies name and who does not run just now, and whom none names.
STAND_INS = {
    "bootstrap-secrets": NAMESPACE,
    "migrate": NAMESPACE,
    "backup": NAMESPACE,
    "archive-logs": NAMESPACE,
    "drill": NAMESPACE,
    "purge-orders": NAMESPACE,
    "grafana": NAMESPACE,
    "unknown": NAMESPACE,
    STRANGER: "default",
}
_AT_ONCE = 8


@dataclass(frozen=True)
class Member:
    """`ports` on which it listens for others than itself."""

    app: str
    name: str
    address: str
    pid: int
    ports: tuple[int, ...]


def stand_in(name: str, namespace: str, image: str) -> dict[str, object]:
    """A pod that sleeps under this name."""
    confined = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    user = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    sleeper = {
        "name": "sleeper",
        "image": image,
        "command": ["sleep", "3600"],
        "securityContext": confined,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"stand-in-{name}",
            "namespace": namespace,
            "labels": {"app.kubernetes.io/name": name, "stand-in": "yes"},
        },
        "spec": {
            "containers": [sleeper],
            "securityContext": user,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
        },
    }


@pytest.fixture(scope="module")
def members(shop: KubernetesShop) -> Iterator[list[Member]]:
    (deployment,) = shop.objects("deployments", "--selector=app.kubernetes.io/name=frontend")
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    pods = [stand_in(name, namespace, image) for name, namespace in STAND_INS.items()]
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": pods})
    shop.cluster.kubectl("apply", "--filename=-", stdin=manifest)
    every = ("--all-namespaces", "--selector=stand-in=yes")
    shop.cluster.kubectl("wait", "pods", *every, "--for=condition=Ready", "--timeout=60s")
    try:
        yield find_members(shop)
    finally:
        shop.cluster.kubectl("delete", "pods", *every)


def find_members(shop: KubernetesShop) -> list[Member]:
    tasks = {name: pid for node in shop.cluster.nodes for name, pid in node.runtime.tasks().items()}
    found = []
    for pod in (*shop.running(), *shop.strangers()):
        pid = next(tasks[one] for one in pod.containers.values())
        found.append(Member(pod.app, pod.name, pod.address, pid, tuple(listening(pid))))
    return found


def listening(pid: int) -> set[int]:
    """As its network namespace shows them, without those on loopback."""
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    ]
    return {
        int(address.rpartition(":")[2], 16)
        for _, address, _, state, *_ in lines
        if state == "0A" and not address.startswith("0100007F")
    }


def test_every_server_listens_where_the_call_graph_says(members: list[Member]) -> None:
    """Or nobody would meet whom it lets in."""
    ports: dict[str, set[int]] = {}
    for member in members:
        ports.setdefault(member.app, set()).update(member.ports)
    called = {(app, port) for _, app, port in CALLS if app in ports}
    assert [(app, port) for app, port in called if port not in ports[app]] == []


def test_every_pair_meets_only_where_the_call_graph_says(members: list[Member]) -> None:
    doors = {(one.address, port): one for one in members for port in one.ports}
    doors[CONTROL_PLANE_ADDRESS, _API_PORT] = Member(API_SERVER, API_SERVER, "", 0, ())

    def reached(member: Member) -> set[tuple[str, int]]:
        others = [door for door, owner in doors.items() if owner.name != member.name]
        python = [sys.executable, "-c", REACHABLE, json.dumps(others)]
        inside = ["nsenter", f"--net=/proc/{member.pid}/ns/net", *python]
        answer = subprocess.run(inside, capture_output=True, text=True, check=True)
        return {(address, port) for address, port in json.loads(answer.stdout)}

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = dict(zip(members, threads.map(reached, members), strict=True))
    assert wrong(found, doors) == []
    assert len(doors) > len(members) > len(STAND_INS)


def wrong(
    found: Mapping[Member, set[tuple[str, int]]], doors: Mapping[tuple[str, int], Member]
) -> list[str]:
    complaints = []
    for member, reached in found.items():
        for door, owner in doors.items():
            if owner.name == member.name:
                continue
            if may(member.app, owner.app, door[1]) != (door in reached):
                verb = "reaches" if door in reached else "cannot reach"
                complaints.append(f"{member.name} {verb} {owner.name}:{door[1]}")
    return complaints


def may(caller: str, called: str, port: int) -> bool:
    """What is anybody's needs a caller who may leave as well: of these the stranger alone."""
    if caller == STRANGER:
        return called == API_SERVER or (ANYONE, called, port) in CALLS
    return (caller, ANYONE if called == API_SERVER else called, port) in CALLS
