"""Rendered objects, and the questions that rules ask them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

Object = dict[str, Any]
NAME = "app.kubernetes.io/name"
# Where a pod template sits in what makes pods.
_TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
SERVERS = ("Deployment", "StatefulSet", "DaemonSet")


def reference(one: Object) -> str:
    return f"{one['kind']}/{one['metadata']['name']}"


def within(value: Any, *path: str | int, default: Any = None) -> Any:
    """The value at a path, or the default where it ends early."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return default
    return value


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """A Kubernetes label selector; an empty one selects everything, none selects nothing."""
    if selector is None:
        return False
    matched = selector.get("matchLabels", {})
    if any(labels.get(key) != value for key, value in matched.items()):
        return False
    return all(_holds(one, labels) for one in selector.get("matchExpressions", ()))


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", [])
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]


@dataclass(frozen=True, eq=False)
class Container:
    described: Object
    first: bool
    """Runs before the others and ends, unless it is a sidecar."""

    @property
    def name(self) -> str:
        return str(self.described["name"])

    @property
    def ports(self) -> dict[str, int]:
        """By name; a port without a name by its number."""
        return {
            port.get("name", str(port["containerPort"])): port["containerPort"]
            for port in self.described.get("ports", ())
        }

    @property
    def words(self) -> list[str]:
        return [*self.described.get("command", ()), *self.described.get("args", ())]

    @property
    def mounts(self) -> list[Object]:
        return list(self.described.get("volumeMounts", ()))


@dataclass(frozen=True, eq=False)
class Pod:
    """What a workload makes; `name` is that of its label, the same as in compose."""

    owner: Object
    template: Object

    @property
    def kind(self) -> str:
        return str(self.owner["kind"])

    @property
    def reference(self) -> str:
        return reference(self.owner)

    @property
    def namespace(self) -> str:
        return str(self.owner["metadata"].get("namespace"))

    @property
    def labels(self) -> dict[str, str]:
        return within(self.template, "metadata", "labels", default={})

    @property
    def name(self) -> str:
        return self.labels.get(NAME, self.owner["metadata"]["name"])

    @property
    def spec(self) -> Object:
        return self.template["spec"]

    @property
    def serves(self) -> bool:
        """As opposed to a job, which ends."""
        return self.kind in SERVERS

    @property
    def containers(self) -> list[Container]:
        return [
            *(Container(one, True) for one in self.spec.get("initContainers", ())),
            *(Container(one, False) for one in self.spec["containers"]),
        ]

    @property
    def main(self) -> Container:
        """The one that bears the workload's name, or the first."""
        mains = [one for one in self.containers if not one.first]
        return next((one for one in mains if one.name == self.name), mains[0])

    @property
    def ports(self) -> dict[str, int]:
        return {name: port for one in self.containers for name, port in one.ports.items()}

    @property
    def volumes(self) -> dict[str, Object]:
        return {one["name"]: one for one in self.spec.get("volumes", ())}


@dataclass
class Manifests:
    """`components` are those of the set, by name: some are there to break a rule."""

    objects: list[Object]
    components: frozenset[str] = frozenset()
    _by_kind: dict[str, list[Object]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._by_kind = {}
        for one in self.objects:
            self._by_kind.setdefault(one["kind"], []).append(one)

    def of(self, *kinds: str) -> list[Object]:
        return [one for kind in kinds for one in self._by_kind.get(kind, ())]

    def find(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        return next(
            (
                one
                for one in self.of(kind)
                if one["metadata"]["name"] == name
                and namespace in (None, one["metadata"].get("namespace"))
            ),
            None,
        )

    @cached_property
    def pods(self) -> list[Pod]:
        return [
            Pod(one, template)
            for kind, path in _TEMPLATES.items()
            for one in self.of(kind)
            if (template := within(one, *path)) is not None
        ]

    @property
    def servers(self) -> list[Pod]:
        return [pod for pod in self.pods if pod.serves]

    def pods_of(self, selector: Mapping[str, Any] | None, namespace: str) -> list[Pod]:
        return [
            pod for pod in self.pods if pod.namespace == namespace and selects(selector, pod.labels)
        ]

    def environment(self, pod: Pod, container: Container) -> dict[str, str]:
        """With what comes from ConfigMaps; secrets are not there."""
        found: dict[str, str] = {}
        for source in container.described.get("envFrom", ()):
            if name := within(source, "configMapRef", "name"):
                found |= within(self.find("ConfigMap", name, pod.namespace), "data", default={})
        for one in container.described.get("env", ()):
            if key := within(one, "valueFrom", "configMapKeyRef"):
                config = self.find("ConfigMap", key["name"], pod.namespace)
                found[one["name"]] = within(config, "data", key["key"], default="")
            elif "value" in one:
                found[one["name"]] = one["value"]
        return found

    @cached_property
    def scalers(self) -> list[Object]:
        """Each sets the replicas of one workload."""
        return self.of("HorizontalPodAutoscaler", "ScaledObject")

    def scalers_of(self, pod: Pod) -> list[Object]:
        return [
            one
            for one in self.scalers
            if one["metadata"].get("namespace") == pod.namespace
            and one["spec"]["scaleTargetRef"]["name"] == pod.owner["metadata"]["name"]
            and one["spec"]["scaleTargetRef"].get("kind", "Deployment") == pod.kind
        ]

    def fewest_replicas(self, pod: Pod) -> int:
        found = [
            within(one, "spec", "minReplicas", default=within(one, "spec", "minReplicaCount"))
            for one in self.scalers_of(pod)
        ]
        if found:
            # What both take without being told: an HPA 1, KEDA none.
            return int(found[0] or 0)
        return int(pod.owner["spec"].get("replicas", 1))

    def most_replicas(self, pod: Pod) -> int:
        found = [
            within(one, "spec", "maxReplicas", default=within(one, "spec", "maxReplicaCount"))
            for one in self.scalers_of(pod)
        ]
        # KEDA's own, where nobody says.
        return int(found[0] or 100) if found else int(pod.owner["spec"].get("replicas", 1))

    def walk(self) -> Iterator[tuple[Object, tuple[str | int, ...], Any]]:
        """Every value of every object with where it is."""
        for one in self.objects:
            for path, value in _walk(one, ()):
                yield one, path, value


def _walk(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(inner, (*path, index))
