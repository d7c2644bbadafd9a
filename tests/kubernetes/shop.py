"""The shop's manifests in a cluster whose nodes pretend: applied, watched, changed, removed."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.kubernetes.watching import PodWatch
from tests.processes import ROOT
from tests.waiting import eventually
from tools.cluster.control_plane import ControlPlane
from tools.cluster.fake_nodes import FakeNodes

NAMESPACE = "arloji"
ZONE = "topology.kubernetes.io/zone"
_NAME = "app.kubernetes.io/name"
_SETTLE_SECONDS = 150
_SERVICE_IMAGE = "arloji/service"


class Shop:
    """One overlay at a time, applied from a copy of the repository that a test may change."""

    def __init__(self, control_plane: ControlPlane, nodes: FakeNodes, folder: Path) -> None:
        self.control_plane, self.nodes = control_plane, nodes
        self.overlay: str | None = None
        # Whether it is applied as the repository has it.
        self._unchanged = False
        self._folder, self._tree = folder, folder / "tree"

    @property
    def name(self) -> str:
        assert self.overlay, "none is applied"
        return self.overlay

    def use(self, overlay: str) -> None:
        """It runs, as the repository has it, on nodes that may all be used."""
        if self.overlay != overlay:
            self.remove_everything()
        self.uncordon()
        if self.overlay is None or not self._unchanged:
            self.reset_tree()
            self.apply(overlay)
            self._unchanged = True
        self.wait_until_settled()

    def clear(self) -> None:
        """Nothing runs; the namespaces are there as an apply makes them."""
        self.remove_everything()
        self.reset_tree()
        self.control_plane.kubectl("apply", "-k", self._tree / "k8s/base/namespaces")

    def reset_tree(self) -> None:
        shutil.rmtree(self._tree, ignore_errors=True)
        for folder in sorted({path.relative_to(ROOT).parts[0] for path in _kustomizations()}):
            shutil.copytree(ROOT / folder, self._tree / folder)

    def apply(self, overlay: str) -> list[str]:
        """What `kubectl apply -k` says of each object. Anything else that it says is a failure:
        a warning is how Pod Security and deprecated fields speak."""
        self.overlay = overlay
        done = self.control_plane.try_kubectl("apply", "-k", self.folder_of(overlay))
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        assert not done.stderr, f"apply warns: {done.stderr[-4000:]}"
        return done.stdout.splitlines()

    def folder_of(self, overlay: str) -> Path:
        return self._tree / "k8s" / "overlays" / overlay

    def change(self, file: str, old: str, new: str) -> None:
        """Of the copy; takes effect with the next `apply`."""
        path = self._tree / file
        content = path.read_text(encoding="utf-8")
        assert old in content, f"{file} has no {old!r}"
        path.write_text(content.replace(old, new), encoding="utf-8")
        self._unchanged = False

    def release(self, tag: str) -> None:
        """The same shop with another image of its services, in the copy."""
        file = self._tree / "k8s/components/release/kustomization.yaml"
        content, count = re.subn(
            rf"(name: {_SERVICE_IMAGE}\n\s+newTag: )\S+", rf"\g<1>{tag}", file.read_text()
        )
        assert count == 1, f"{count} images of the services are named in {file.name}"
        file.write_text(content)
        self._unchanged = False

    def objects(self, kinds: str, *selection: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control_plane.get(
            kinds, f"--namespace={NAMESPACE}", *selection
        )["items"]
        return found

    def pods(self, *selection: str) -> list[dict[str, Any]]:
        """Those that are not on their way out, and not of a job."""
        return [
            pod
            for pod in self.objects("pods", *selection)
            if "deletionTimestamp" not in pod["metadata"] and not _is_of_job(pod)
        ]

    def watch(self) -> PodWatch:
        return PodWatch(self.control_plane, NAMESPACE)

    def wait_until_settled(self) -> None:
        """Every workload is what its object asks for, and every job has ended well."""
        eventually(self.unsettled, lambda found: not found, _SETTLE_SECONDS, pause_seconds=1)

    def unsettled(self) -> list[str]:
        """Which are not, and why."""
        kinds = "deployments,statefulsets,daemonsets,jobs,horizontalpodautoscalers"
        found = [why for workload in self.objects(kinds) if (why := _unsettled(workload))]
        if found:
            found += sorted(self._complaints())
        return found

    def _complaints(self) -> set[str]:
        events = self.objects("events", "--field-selector=type=Warning")
        return {f"{event['involvedObject']['name']}: {event['message'][:200]}" for event in events}

    def zones(self, name: str) -> list[str]:
        """Where the pods of a workload are, one entry for each pod."""
        return sorted(
            self.nodes.zone_of(pod["spec"]["nodeName"])
            for pod in self.pods(f"--selector={_NAME}={name}")
        )

    def drain(self, zone: str, seconds: int = 120) -> None:
        self.control_plane.kubectl(
            *("drain", f"--selector={ZONE}={zone}", f"--timeout={seconds}s"),
            *("--ignore-daemonsets", "--delete-emptydir-data"),
        )

    def uncordon(self) -> None:
        self.control_plane.kubectl("uncordon", f"--selector={ZONE}")

    def remove(self) -> None:
        """As docs/kubernetes.md says it: everything but the namespaces and the claims."""
        self.control_plane.kubectl(
            *("delete", "-k", self.folder_of(self.name), "--wait=false"),
            "--selector=app.kubernetes.io/component notin (namespace,claim)",
        )
        eventually(self.pods, lambda pods: not pods, seconds=60, pause_seconds=0.5)

    def delete_set_alone(self, name: str) -> None:
        """As docs/kubernetes.md says it: its pod and its claim stay, and are the next one's."""
        self._unchanged = False
        delete = ("delete", "statefulset", name, "--cascade=orphan", "--ignore-not-found")
        self.control_plane.kubectl(*delete, f"--namespace={NAMESPACE}")

    def grow_claim(self, name: str, size: str) -> str:
        """As docs/kubernetes.md says it, of this set's pod; returns what is said against it."""
        patch = json.dumps({"spec": {"resources": {"requests": {"storage": size}}}})
        claim = ("patch", "persistentvolumeclaim", f"data-{name}-0", f"--patch={patch}")
        return self.control_plane.try_kubectl(*claim, f"--namespace={NAMESPACE}").stderr

    def remove_everything(self) -> None:
        """Data included, as nobody would who has any."""
        if self.overlay is not None:
            self.remove()
            # Those of earlier releases, too. The API server goes on for a moment with the policy
            # that kept the claims, and has just been removed.
            delete = ("delete", "persistentvolumeclaims,jobs", "--all", f"--namespace={NAMESPACE}")
            eventually(
                lambda: self.control_plane.try_kubectl(*delete),
                lambda done: done.returncode == 0,
                seconds=30,
            )
        self.overlay = None


def rendered(shop: Shop, overlay: str) -> list[dict[str, Any]]:
    text = shop.control_plane.kubectl("kustomize", shop.folder_of(overlay))
    return [each for each in yaml.safe_load_all(text) if each]


def core_overlays() -> list[str]:
    """Those whose objects every cluster knows, without anything installed."""
    return [
        path.parent.name
        for path in sorted((ROOT / "k8s/overlays").glob("*/kustomization.yaml"))
        if path.parent.name != "production"
    ]


def _kustomizations() -> Iterator[Path]:
    for folder in ROOT.iterdir():
        if folder.is_dir() and not folder.name.startswith(".") and folder.name != "tests":
            yield from folder.rglob("kustomization.yaml")


def _is_of_job(pod: dict[str, Any]) -> bool:
    owners = pod["metadata"].get("ownerReferences", [])
    return any(owner["kind"] == "Job" for owner in owners)


def _unsettled(workload: dict[str, Any]) -> str | None:
    kind, status = workload["kind"], workload.get("status", {})
    name = f"{kind}/{workload['metadata']['name']}"
    if kind == "Job":
        conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
        return None if conditions.get("Complete") == "True" else f"{name}: {json.dumps(status)}"
    if kind == "HorizontalPodAutoscaler":
        least, wanted = workload["spec"]["minReplicas"], status.get("desiredReplicas", 0)
        settled = wanted == status.get("currentReplicas") and wanted >= least
        return None if settled else f"{name}: {json.dumps(status)[:300]}"
    if status.get("observedGeneration") != workload["metadata"]["generation"]:
        return f"{name}: not looked at yet"
    if kind == "DaemonSet":
        wanted = status["desiredNumberScheduled"]
        there = [status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)]
    else:
        wanted = workload["spec"]["replicas"]
        counted = ("replicas", "updatedReplicas", "availableReplicas")
        there = [status.get(count, 0) for count in counted]
    return None if set(there) == {wanted} else f"{name}: {there} of {wanted}"
