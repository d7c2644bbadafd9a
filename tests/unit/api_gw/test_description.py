"""The API's description agrees with the route table, the contracts and the problems."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import contracts.orders
import contracts.products
from contracts.api import EXAMPLES
from contracts.products import MAX_PAGE, MAX_PRICE_IDR
from servicekit.http_server.openapi import ProblemDetails
from services.api_gw.description import OPERATIONS, describe_api
from services.api_gw.table import TABLE
from services.service_http.search import ProductQuery

TEXT = json.dumps(describe_api())
DOCUMENT: dict[str, Any] = json.loads(TEXT)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


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


def test_every_operation_has_a_name_of_its_own_and_every_reference_leads_somewhere() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    found = {name.split('"')[0] for name in TEXT.split('"#/components/schemas/')[1:]}
    assert found
    assert found <= DOCUMENT["components"]["schemas"].keys()


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


def test_an_order_alone_needs_a_guest_and_with_it_its_key_and_its_body() -> None:
    order = DOCUMENT["paths"]["/api/orders"]["post"]
    (key,) = order["parameters"]
    assert (key["name"], key["in"], key["required"]) == ("Idempotency-Key", "header", True)
    assert order["requestBody"]["required"]
    assert DOCUMENT["components"]["securitySchemes"]["guest"]["in"] == "cookie"
    needed: list[dict[str, list[str]]] = [{"guest": []}]
    for method, path, operation in operations():
        expected = needed if method == "POST" else [*needed, {}]
        is_order = path.startswith("/api/orders")
        assert operation.get("security") == (expected if is_order else None)


def test_every_refusal_is_listed_and_every_not_now_tells_when() -> None:
    order = DOCUMENT["paths"]["/api/orders"]["post"]["responses"]
    assert {
        slug
        for response in order.values()
        for slug in response["content"].get("application/problem+json", {}).get("examples", ())
    } == {
        *("bad-request", "guest-required", "body-too-large", "headers-too-large"),
        "unsupported-media-type",
        *("unprocessable", "idempotency-key-reused", "too-many-requests", "bad-gateway"),
        *("service-unavailable", "deadline-passed"),
    }
    for _, _, operation in operations():
        for status in ("429", "503"):
            assert "Retry-After" in operation["responses"][status]["headers"]
    listed = DOCUMENT["paths"]["/api/orders"]["get"]
    assert f"the newest {contracts.orders.MAX_LISTED}" in listed["summary"]
    assert "Older-Orders" in listed["responses"]["200"]["headers"]


QUERY = {
    one["name"]: one["schema"] for one in DOCUMENT["paths"]["/api/products"]["get"]["parameters"]
}
TRIED: tuple[str, ...] = (
    *("", "0", "1", "50", "-1", "+1", "1.0", "1_0", "x", "null", "101", "100"),
    *(str(MAX_PRICE_IDR), str(MAX_PRICE_IDR + 1), str(MAX_PAGE), str(MAX_PAGE + 1)),
    *("name", "price", "-price", "newest", "rating", "NAME"),
    *(
        "01",
        "1,02",
        str(2**63 - 1),
        str(2**63),
        "1,2",
        "1,,2",
        ",1",
        "1, 2",
        ",".join(["1"] * 50),
        ",".join(["1"] * 51),
    ),
    *("b" * 100, "b" * 101),
)


def fits(schema: dict[str, Any], text: str) -> bool:
    """By the few words of JSON Schema that the description uses."""
    if "anyOf" in schema:
        return any(fits(one, text) for one in schema["anyOf"])
    if schema["type"] == "array":
        parts = text.split(",") if text else []
        return len(parts) <= schema["maxItems"] and all(fits(schema["items"], one) for one in parts)
    if schema["type"] == "integer":
        is_whole = re.fullmatch("-?[0-9]+", text) is not None
        return is_whole and schema["minimum"] <= int(text) <= schema["maximum"]
    return (
        len(text) <= schema.get("maxLength", len(text))
        and text in schema.get("enum", [text])
        and re.search(schema.get("pattern", ""), text) is not None
    )


def is_taken(name: str, text: str) -> bool:
    try:
        ProductQuery.model_validate({name: text})
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", ProductQuery.model_fields)
def test_a_query_value_is_taken_if_and_only_if_the_description_says_so(name: str) -> None:
    described = {text for text in TRIED if fits(QUERY[name], text)}
    assert described == {text for text in TRIED if is_taken(name, text)}
