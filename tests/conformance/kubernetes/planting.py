"""Faults to plant in a rendered set: each shows that a rule can fail."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import Object, reference
from tests.conformance.kubernetes.registry import Rule

Change = Callable[[list[Object]], None]
# Where most faults are.
POD = "/spec/template/spec"
MAIN = f"{POD}/containers/0"


@dataclass(frozen=True)
class Fault:
    rule: Rule
    changes: Sequence[Change]
    says: str
    # Which the set then pretends to have.
    components: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.rule.__name__}: {self.says}"


def plant(
    shop: Manifests, changes: Sequence[Change], components: frozenset[str] = frozenset()
) -> Manifests:
    objects = copy.deepcopy(shop.objects)
    for change in changes:
        change(objects)
    return Manifests(objects, shop.components | components)


def put(name: str, pointer: str, value: Any) -> Change:
    """Set the value at a JSON pointer (RFC 6901) of the object `Kind/name`, which may be new; `-`
    appends to a list that is there."""

    def change(objects: list[Object]) -> None:
        holder, last = _holder(_find(objects, name), pointer, create=True)
        if last == "-":
            holder.append(value)
        else:
            holder[last] = value

    return change


def drop(name: str, pointer: str = "") -> Change:
    """Remove what is there, or the object itself."""

    def change(objects: list[Object]) -> None:
        found = _find(objects, name)
        if pointer:
            holder, last = _holder(found, pointer, create=False)
            del holder[last]
        else:
            objects.remove(found)

    return change


def add(kind: str, name: str, **fields: Any) -> Change:
    metadata = {"name": name, "namespace": "arloji", "labels": {}}
    return lambda objects: objects.append(
        {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}
    )


def repeat(name: str, renamed: str) -> Change:
    """Another one that differs by its name alone."""

    def change(objects: list[Object]) -> None:
        found = copy.deepcopy(_find(objects, name))
        found["metadata"]["name"] = renamed
        objects.append(found)

    return change


def _find(objects: list[Object], name: str) -> Object:
    """By kind and name; of ConfigMaps, whose names end in a hash, by its beginning, and of what
    ends in the release with a `*` for it."""
    (found,) = [
        one
        for one in objects
        if fnmatchcase(reference(one), name)
        or (one["kind"] == "ConfigMap" and reference(one).rpartition("-")[0] == name)
    ]
    return found


def _holder(value: Any, pointer: str, *, create: bool) -> tuple[Any, Any]:
    *path, last = [_step(part) for part in pointer.split("/")[1:]]
    for step in path:
        new = create and last != "-" and isinstance(value, dict)
        value = value.setdefault(step, {}) if new else value[step]
    return value, last


def _step(part: str) -> str | int:
    text = part.replace("~1", "/").replace("~0", "~")
    return int(text) if text.isdigit() else text
