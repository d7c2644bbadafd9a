"""Schemas by Kubernetes version, and of custom resources."""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.conformance.kubernetes.pods import Object, reference

# The oldest and the newest that the manifests are for (docs/kubernetes.md).
VERSIONS = ("1.34", "1.37")
CUSTOM = Path(__file__).parent / "schemas"


class SchemaMissing(AssertionError):
    """Nobody has said what such an object may hold."""


def faults_of(described: Object, version: str) -> Iterator[str]:
    """What the API server of a version would refuse or drop; raises `SchemaMissing`. Without the
    rules that the server has beyond its schema: those are for a real one."""
    validator = _validator(described["apiVersion"], described["kind"], version)
    fault = best_match(validator.iter_errors(described))
    if fault is not None:
        where = "/".join(map(str, fault.absolute_path))
        yield f"{reference(described)} at {where}: {fault.message[:300]}"


def is_custom(described: Object) -> bool:
    kind, api_version = described["kind"].lower(), described["apiVersion"].replace("/", "-")
    return (CUSTOM / f"{kind}-{api_version}.json").is_file()


@cache
def _validator(api_version: str, kind: str, version: str) -> Draft202012Validator:
    group = api_version.partition("/")[0] if "/" in api_version else ""
    if "." in group and not group.endswith(".k8s.io"):
        return Draft202012Validator(_custom(api_version, kind))
    # As the package names its files: the first word of a group, and the version.
    short = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    path = _folder(version) / f"{kind.lower()}-{short}.json"
    if not path.is_file():
        return Draft202012Validator(_custom(api_version, kind))
    schema: dict[str, Any] = json.loads(path.read_text())
    return Draft202012Validator(schema, registry=_definitions(version))


def _custom(api_version: str, kind: str) -> dict[str, Any]:
    path = CUSTOM / f"{kind.lower()}-{api_version.replace('/', '-')}.json"
    if not path.is_file():
        raise SchemaMissing(f"{api_version} {kind} has no schema at {path}")
    schema: dict[str, Any] = json.loads(path.read_text())
    return schema


@cache
def _definitions(version: str) -> Registry[Any]:
    contents = json.loads((_folder(version) / "_definitions.json").read_text())
    resource = Resource.from_contents(contents, default_specification=DRAFT202012)
    return resource @ Registry()


def _folder(version: str) -> Any:
    """With everything forbidden that a schema does not name."""
    schemas = files("kubernetes_validate") / "kubernetes-json-schema"
    (found,) = [
        one for one in schemas.iterdir() if re.fullmatch(rf"v{version}\.\d+-local-strict", one.name)
    ]
    return found
