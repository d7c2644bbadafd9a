"""Pods as workloads make them, and what selects them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Object = dict[str, Any]
NAME = "app.kubernetes.io/name"
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

    @cached_property
    def labels(self) -> dict[str, str]:
        return within(self.template, "metadata", "labels", default={})

    @cached_property
    def name(self) -> str:
        return self.labels.get(NAME, self.owner["metadata"]["name"])

    @property
    def spec(self) -> Object:
        return self.template["spec"]

    @property
    def serves(self) -> bool:
        """As opposed to a job, which ends."""
        return self.kind in SERVERS

    @cached_property
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
