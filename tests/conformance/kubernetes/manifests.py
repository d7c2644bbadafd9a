"""Rendered objects, and the questions that rules ask them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.conformance.kubernetes.pods import Container, Object, Pod, selects, within

# Where a pod template sits in what makes pods.
_TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


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
