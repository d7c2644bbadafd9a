"""The shop on a real node: applied once from a copy of the repository, asked and disturbed as an
operator would."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.forwarding import PortForward
from tests.compose.project import READ_ROWS
from tests.processes import ROOT
from tests.waiting import eventually
from tools.cluster.processes import ClusterFailed
from tools.cluster.real import RealCluster

NAMESPACE, NODES_NAMESPACE = "arloji", "arloji-nodes"
SERVICES = ("frontend", "api-gw", "service-http", "publisher", "consumer")
OVERLAY = "tests/cluster/overlay"
_NAME = "app.kubernetes.io/name"
_RELEASE = "k8s/components/release/kustomization.yaml"
_SETTLE_SECONDS = 240


@dataclass(frozen=True)
class Pod:
    """`containers` are ids of those that run, by name; init containers that stay among them."""

    name: str
    namespace: str
    app: str
    uid: str
    node: str
    address: str
    phase: str
    ready: bool
    restarts: int
    job: bool
    leaving: bool
    containers: Mapping[str, str]
    # Name → (reason, exit code) of the last end of each container that has ended once.
    ended: Mapping[str, tuple[str, int]]


class KubernetesShop:
    """Offers the tests of the embedded run what they know of a stack: `shop_url`, `telemetry_url`,
    `pause`, `resume` and `rows`."""

    def __init__(self, cluster: RealCluster, folder: Path) -> None:
        self.cluster, self.root = cluster, folder / "a shop"
        self._forwards: dict[str, PortForward] = {}

    def copy(self) -> None:
        """Of what manifests are made of, which tests may change."""
        folders = ("k8s", "bootstrap", "ingress", "stores", "observability", "docs/runbooks")
        for name in (*folders, OVERLAY):
            shutil.copytree(ROOT / name, self.root / name, dirs_exist_ok=True)

    def change(self, name: str, pattern: str, new: str) -> None:
        """In the copy; in force with the next `apply`."""
        path = self.root / name
        text, times = re.subn(pattern, new, path.read_text())
        assert times, f"{name} does not say {pattern!r}"
        path.write_text(text)

    def release(self, tag: str) -> None:
        """The images of the services and of housekeeping, which the node must have."""
        ours = r"(name: arloji/(?:service|housekeeping)\n\s+newTag: )\S+"
        self.change(_RELEASE, ours, rf"\g<1>{tag}")

    @property
    def overlay(self) -> Path:
        return self.root / OVERLAY

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """In the shop's namespace, unless they name another."""
        return self.cluster.kubectl(f"--namespace={NAMESPACE}", *arguments, stdin=stdin)

    def apply(self) -> list[str]:
        """What kubectl says of each object."""
        return self.cluster.kubectl("apply", "-k", str(self.overlay)).splitlines()

    def contents(self) -> dict[tuple[str, str], object]:
        """Of each object of a kind that the overlay has, all that is not its state; by its kind and
        by its namespace and name."""
        kinds = ",".join(sorted({one["kind"] for one in self.cluster.render(self.overlay)}))
        listed = self.cluster.kubectl("get", kinds, "--all-namespaces", "--output=json")
        found: dict[tuple[str, str], object] = {}
        for one in json.loads(listed)["items"]:
            about = one.pop("metadata")
            one.pop("status", None)
            name = f"{about.get('namespace', '')}/{about['name']}"
            found[one["kind"], name] = (one, about.get("labels"), about.get("annotations"))
        return found

    def objects(self, kinds: str, *selection: str) -> list[dict[str, Any]]:
        listed = json.loads(self.kubectl("get", kinds, "--output=json", *selection))
        found: list[dict[str, Any]] = listed["items"]
        return found

    def pods(self, *apps: str) -> list[Pod]:
        """Those of jobs as well."""
        found = [_pod(one) for one in self.objects("pods", "--all-namespaces")]
        ours = [one for one in found if one.namespace in (NAMESPACE, NODES_NAMESPACE)]
        return [one for one in ours if not apps or one.app in apps]

    def strangers(self) -> list[Pod]:
        """In the namespace `default`, where nobody has put a policy."""
        listed = json.loads(self.cluster.kubectl("get", "pods", "--output=json"))["items"]
        return [_pod(one) for one in listed]

    def running(self, *apps: str) -> list[Pod]:
        """Those that answer, jobs left out."""
        return [one for one in self.pods(*apps) if one.ready and not one.leaving]

    def wait_until_settled(self, seconds: float = _SETTLE_SECONDS) -> None:
        """Every workload is what its object asks for, every job has ended well, and nobody is on
        the way out."""
        eventually(self.unsettled, lambda found: not found, seconds, pause_seconds=0.5)

    def unsettled(self) -> list[str]:
        """Pods are asked for once the workloads are well: what asks takes a part of the same two
        processors."""
        workloads = self.objects("deployments,statefulsets,daemonsets,jobs", "--all-namespaces")
        return [why for one in workloads if (why := _unsettled(one))] or [
            f"{one.name} is {one.phase}, ready {one.ready}, leaving {one.leaving}"
            for one in self.pods()
            if not one.job and (one.leaving or not one.ready)
        ]

    def drain(self, node: str) -> None:
        self.cluster.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data")

    def exec(self, pod: Pod, *command: str, stdin: str = "", container: str = "") -> str:
        inside = ("--container", container) if container else ()
        where = (f"--namespace={pod.namespace}", "exec", "--stdin", pod.name, *inside)
        return self.cluster.kubectl(*where, "--", *command, stdin=stdin)

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        question = json.dumps([query.replace("%", "%%").replace("?", "%s"), parameters])
        (reader, *_) = self.running("consumer")
        rows: list[dict[str, Any]] = json.loads(
            self.exec(reader, "python", "-c", READ_ROWS, stdin=question)
        )
        return rows

    @property
    def shop_url(self) -> str:
        return self.cluster.shop_url

    @property
    def telemetry_url(self) -> str:
        return self.url("victoria-traces", 10428)

    def url(self, app: str, port: int) -> str:
        """Of a port that nobody outside may reach."""
        (pod, *_) = self.running(app)
        place = f"{pod.uid}:{port}"
        if place not in self._forwards:
            (node,) = [one for one in self.cluster.nodes if one.name == pod.node]
            held_by = node.namespaces.pid
            self._forwards[place] = PortForward(held_by, pod.address, port, self.root.parent)
        return self._forwards[place].url

    def close(self) -> None:
        for forward in self._forwards.values():
            forward.kill()

    def processes(self, app: str) -> list[int]:
        """Of all its containers, as the machine numbers them."""
        wanted = {one for pod in self.running(app) for one in pod.containers.values()}
        return [
            pid
            for node in self.cluster.nodes
            for name, pid in node.runtime.tasks().items()
            if name in wanted
        ]

    def pause(self, app: str) -> None:
        """All replicas, until `resume`; not for longer than probes bear."""
        self._signal("STOP", app)

    def resume(self, app: str) -> None:
        self._signal("CONT", app)

    def _signal(self, name: str, app: str) -> None:
        pids = [str(pid) for pid in self.processes(app)]
        assert pids, f"{app} does not run"
        subprocess.run(["kill", f"-{name}", *pids], check=True)

    @contextmanager
    def scaled(self, app: str, replicas: int) -> Iterator[None]:
        """A Deployment; as it was afterwards. At nothing, an autoscaler leaves it alone."""
        (before,) = self.objects("deployments", f"--selector={_NAME}={app}")
        self.scale(app, replicas)
        try:
            yield
        finally:
            self.scale(app, before["spec"]["replicas"])

    def scale(self, app: str, replicas: int) -> None:
        self.kubectl("scale", f"deployment/{app}", f"--replicas={replicas}")
        eventually(
            lambda: [one.ready and not one.leaving for one in self.pods(app)],
            lambda found: found == [True] * replicas,
            seconds=90,
            pause_seconds=0.3,
        )

    def try_kubectl(self, *arguments: str) -> str:
        """What it says when it refuses; empty if it does not."""
        try:
            self.kubectl(*arguments)
        except ClusterFailed as refusal:
            return str(refusal)
        return ""


def _pod(described: Mapping[str, Any]) -> Pod:
    metadata, status = described["metadata"], described["status"]
    states = [*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())]
    conditions = {one["type"]: one["status"] for one in status.get("conditions", ())}
    owners = metadata.get("ownerReferences", ())
    last = {one["name"]: one.get("lastState", {}).get("terminated") for one in states}
    return Pod(
        name=metadata["name"],
        namespace=metadata["namespace"],
        app=metadata["labels"].get(_NAME, ""),
        uid=metadata["uid"],
        node=described["spec"].get("nodeName", ""),
        address=status.get("podIP", ""),
        phase=status["phase"],
        ready=conditions.get("Ready") == "True",
        restarts=sum(one["restartCount"] for one in states),
        job=any(one["kind"] == "Job" for one in owners),
        leaving="deletionTimestamp" in metadata,
        containers={
            one["name"]: one["containerID"].partition("://")[2]
            for one in states
            if "running" in one["state"]
        },
        ended={name: (one["reason"], one["exitCode"]) for name, one in last.items() if one},
    )


def _unsettled(workload: Mapping[str, Any]) -> str:
    kind, status = workload["kind"], workload.get("status", {})
    name = f"{kind} {workload['metadata']['name']}"
    if kind == "Job":
        return "" if status.get("succeeded") else f"{name}: {status}"
    if status.get("observedGeneration") != workload["metadata"]["generation"]:
        return f"{name}: not looked at yet"
    if kind == "DaemonSet":
        wanted, counted = status["desiredNumberScheduled"], ["updatedNumberScheduled"]
    else:
        wanted, counted = workload["spec"]["replicas"], ["replicas", "updatedReplicas"]
    there = [status.get(count, 0) for count in counted]
    ready = status.get("numberAvailable", status.get("availableReplicas", 0))
    return "" if {*there, ready} == {wanted} else f"{name}: {there}, {ready} of {wanted}"
