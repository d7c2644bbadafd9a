"""All rules: each public function of a module in rules/ takes a set and yields what is wrong."""

from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType

from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.rules import (
    access,
    addresses,
    agreements,
    availability,
    configuration,
    confinement,
    lifecycle,
    network,
    objects,
    parity,
    references,
    sources,
)

Rule = Callable[[Manifests], Iterator[str]]
_MODULES = (
    objects,
    references,
    addresses,
    sources,
    configuration,
    confinement,
    access,
    lifecycle,
    availability,
    network,
    parity,
    agreements,
)


def _rules_of(module: ModuleType) -> list[Rule]:
    return [
        one
        for name, one in vars(module).items()
        if isinstance(one, FunctionType)
        and one.__module__ == module.__name__
        and not name.startswith("_")
    ]


RULES: tuple[Rule, ...] = tuple(rule for module in _MODULES for rule in _rules_of(module))
