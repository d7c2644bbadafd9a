"""docs/kubernetes.md says of sizes what the manifests say."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.kubernetes.rendering import (
    K8S,
    ROOT,
    components_of,
    render,
    render_text,
)
from tests.conformance.kubernetes.sets import OVERLAYS, SETS, Set

# Of which an overlay has one.
ONE_OF = {"cluster-autoscaler-aws", "cluster-autoscaler-clusterapi", "karpenter"}
PAGE = ROOT / "docs" / "kubernetes.md"
_FACTORS = {"m": 0.001, "Mi": 1 / 1024, "Gi": 1.0, "": 1.0}

Object = dict[str, Any]


@dataclass
class Sum:
    pods: int = 0
    claims: int = 0
    of: Counter[str] = field(default_factory=Counter)

    def add(self, pods: int, requests: list[dict[str, str]]) -> None:
        self.pods += pods
        for one in requests:
            for name in ("cpu", "memory"):
                self.of[name] += pods * quantity(one[name])  # type: ignore[assignment]

    def add_claims(self, number: int, size: str) -> None:
        self.claims += number
        self.of["storage"] += number * quantity(size)  # type: ignore[assignment]


def quantity(text: str | int) -> float:
    """Cores, or GiB."""
    found = re.fullmatch(r"([\d.]+)(\w*)", str(text))
    assert found, text
    return float(found[1]) * _FACTORS[found[2]]


def requests_of(template: Object) -> list[dict[str, str]]:
    """Of what runs all the time: containers, and init containers that stay."""
    spec = template["spec"]
    sidecars = [one for one in spec.get("initContainers", ()) if one.get("restartPolicy")]
    return [one["resources"]["requests"] for one in [*spec["containers"], *sidecars]]


def sums(objects: list[Object]) -> tuple[Sum, Sum]:
    """Of all, and what each node has besides."""
    minimum = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"].get("minReplicas")
        or one["spec"]["minReplicaCount"]
        for one in objects
        if one["kind"] in {"HorizontalPodAutoscaler", "ScaledObject"}
    }
    everything, each_node = Sum(), Sum()
    for one in objects:
        spec = one.get("spec", {})
        match one["kind"]:
            case "Deployment" | "StatefulSet":
                pods = minimum.get(one["metadata"]["name"], spec.get("replicas", 1))
                everything.add(pods, requests_of(spec["template"]))
                for claim in spec.get("volumeClaimTemplates", ()):
                    everything.add_claims(pods, claim["spec"]["resources"]["requests"]["storage"])
            case "PersistentVolumeClaim":
                everything.add_claims(1, spec["resources"]["requests"]["storage"])
            case "DaemonSet":
                each_node.add(1, requests_of(spec["template"]))
            case "PerconaServerMySQL":
                for part, *sidecars in members_of(spec):
                    everything.add(
                        part["size"], [each["resources"]["requests"] for each in (part, *sidecars)]
                    )
                claim = spec["mysql"]["volumeSpec"]["persistentVolumeClaim"]
                everything.add_claims(
                    spec["mysql"]["size"], claim["resources"]["requests"]["storage"]
                )
    return everything, each_node


def members_of(spec: Object) -> Iterator[tuple[Object, ...]]:
    """What the operator makes of it: a part with its sidecars."""
    yield spec["mysql"], spec["backup"]
    yield (spec["proxy"]["haproxy"],)


def table() -> str:
    lines = [
        "| overlay | pods | cores | memory, GiB | claims | GiB of disk |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for overlay in OVERLAYS:
        all_of_it, node = sums(render(Set(overlay)).objects)
        lines.append(
            f"| `{overlay}` | {all_of_it.pods} | {all_of_it.of['cpu']:.1f} |"
            f" {all_of_it.of['memory']:.1f} | {all_of_it.claims} | {all_of_it.of['storage']:.0f} |"
        )
    lines.append(
        f"| each node besides | {node.pods} | {node.of['cpu']:.2f} | {node.of['memory']:.2f} | | |"
    )
    return "\n".join(lines) + "\n"


def test_the_table_of_sizes_is_that_of_the_manifests() -> None:
    text = PAGE.read_text(encoding="utf-8")
    stated = text.partition("<!-- sizes: begin -->\n")[2].partition("<!-- sizes: end -->")[0]
    assert stated == table(), f"put this into docs/kubernetes.md:\n{table()}"


def rows() -> Iterator[tuple[set[str], list[str]]]:
    """Of the table of components: which ones, and their marks, overlay by overlay."""
    section = PAGE.read_text(encoding="utf-8").partition("| component |")[2].partition("\n\n")[0]
    for line in section.splitlines()[2:]:
        names, *marks, _ = (cell.strip() for cell in line.strip("|").split("|"))
        yield set(re.findall(r"`([a-z0-9-]+)`", names)), marks


def test_each_component_is_in_the_table() -> None:
    named = set().union(*(names for names, _ in rows()))
    # What the two have in common is no choice.
    components = {path.name for path in (K8S / "components").iterdir()} - {"cluster-autoscaler"}
    assert named == components


def test_what_is_said_to_be_in_an_overlay_is_in_it() -> None:
    for number, overlay in enumerate(OVERLAYS):
        said = set().union(*(names for names, marks in rows() if marks[number].startswith("●")))
        used = set(components_of(K8S / "overlays" / overlay))
        assert said - ONE_OF == used - ONE_OF
        assert len(used & ONE_OF) == bool(said & ONE_OF)


def test_what_is_said_to_fit_an_overlay_is_rendered_with_it() -> None:
    for number, overlay in enumerate(OVERLAYS):
        used = set(components_of(K8S / "overlays" / overlay))
        said = set().union(*(names for names, marks in rows() if marks[number]))
        tried = set().union(*(one.added for one in SETS if one.overlay == overlay))
        assert tried - used == said - used, overlay


def test_the_settings_of_kubelets_that_readers_are_shown_are_those_of_the_file() -> None:
    (shown,) = re.findall(
        r"```yaml\n(apiVersion: kubelet.config.*?)```", PAGE.read_text(encoding="utf-8"), re.S
    )
    assert (K8S / "nodes/kubelet.yaml").read_text(encoding="utf-8").endswith(shown)


def test_the_overlay_that_readers_are_shown_renders() -> None:
    text = PAGE.read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(# k8s/overlays/mine/.*?)```", text, re.S)
    objects = render_text(shown)
    hosts = {
        rule["host"] for one in objects if one["kind"] == "Ingress" for rule in one["spec"]["rules"]
    }
    assert hosts == {"shop.example.com"}
