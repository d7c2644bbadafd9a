"""All rules: each public function of a module in rules/ takes a set and yields what is wrong."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType

from tests.conformance.kubernetes.manifests import Manifests

Rule = Callable[[Manifests], Iterator[str]]


def modules_in(folder: str) -> list[ModuleType]:
    """Those of a folder beside this file: a new one is picked up by itself."""
    paths = sorted((Path(__file__).parent / folder).glob("*.py"))
    return [
        importlib.import_module(f"tests.conformance.kubernetes.{folder}.{path.stem}")
        for path in paths
    ]


def _rules_of(module: ModuleType) -> list[Rule]:
    return [
        one
        for name, one in vars(module).items()
        if isinstance(one, FunctionType)
        and one.__module__ == module.__name__
        and not name.startswith("_")
    ]


RULES: tuple[Rule, ...] = tuple(
    rule for module in modules_in("rules") for rule in _rules_of(module)
)
