"""The API's description agrees with the route table, the contracts and the problems."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

import contracts.orders
import contracts.products
from contracts.api import EXAMPLES
from servicekit.openapi import ProblemDetails
from services.api_gw.description import OPERATIONS, describe_api
from services.api_gw.table import TABLE

DOCUMENT: dict[str, Any] = json.loads(json.dumps(describe_api()))


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def model_named(name: str) -> type[BaseModel]:
    (model,) = {
        value
        for module in (contracts.orders, contracts.products)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseModel) and value.__name__ == name
    }
    return model


def test_every_route_is_described_and_nothing_else() -> None:
    described = {(method, path) for method, path, _ in operations()}
    assert described == {(route.method, route.path) for route in TABLE} == OPERATIONS.keys()


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert found
    schemas = DOCUMENT["components"]["schemas"]
    assert {ref.removeprefix("#/components/schemas/") for ref in found} <= schemas.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_what_its_model_says(name: str) -> None:
    model = model_named(name)
    example = model.model_validate_json(json.dumps(EXAMPLES[name]))
    assert json.loads(example.model_dump_json()) == EXAMPLES[name]


def test_every_body_has_its_example() -> None:
    for method, path, operation in operations():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        contents = [content for body in bodies for content in body.get("content", {}).items()]
        assert contents, (method, path)
        for media_type, content in contents:
            if media_type == "application/problem+json":
                for example in content["examples"].values():
                    ProblemDetails.model_validate(example["value"])
            else:
                name = content["schema"]["$ref"].rpartition("/")[2]
                assert content["example"] == EXAMPLES[name]


def test_every_parameter_of_a_path_is_described() -> None:
    for _, path, operation in operations():
        named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert named == {part.strip("{}") for part in path.split("/") if part.startswith("{")}


def test_an_order_needs_its_key_its_guest_and_its_body() -> None:
    order = DOCUMENT["paths"]["/api/orders"]["post"]
    (key,) = order["parameters"]
    assert (key["name"], key["in"], key["required"]) == ("Idempotency-Key", "header", True)
    assert order["security"] == [{"guest": []}]
    assert order["requestBody"]["required"]
    assert DOCUMENT["components"]["securitySchemes"]["guest"]["in"] == "cookie"
    assert {"400", "401", "413", "415", "422", "429", "502", "503", "504"} < set(order["responses"])


def test_every_not_now_tells_when() -> None:
    for _, _, operation in operations():
        for status in ("429", "503"):
            assert "Retry-After" in operation["responses"][status]["headers"]
