"""OpenAPI 3.1 description of the public API: the paths of the route table, the models of
`contracts`, the problems of both."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from contracts.api import EXAMPLES
from contracts.headers import OLDER_ORDERS
from contracts.orders import (
    MAX_LISTED,
    OrderAccepted,
    OrderList,
    OrderRequest,
    OrderView,
)
from contracts.problems import GuestRequired, IdempotencyKeyReused
from contracts.products import (
    BrandList,
    Product,
    ProductPage,
)
from servicekit import __version__, problems
from servicekit.http_server.openapi import (
    ProblemDetails,
    problem_responses,
    reference_to,
    schemas_of,
)
from servicekit.problems import Problem
from services.api_gw.parameters import KEY_HEADER, PATH_PARAMETERS, QUERY_PARAMETERS, Schema
from services.api_gw.table import TABLE, Route


@dataclass(frozen=True, slots=True)
class Operation:
    """What a row of the table cannot say about itself."""

    operation_id: str
    summary: str
    status: int
    answer: type[BaseModel]
    refusals: tuple[type[Problem], ...] = ()
    takes_order: bool = False


# Any request may meet these.
_EVERYWHERE = (
    problems.HeadersTooLarge,
    problems.TooManyRequests,
    problems.BadGateway,
    problems.ServiceUnavailable,
    problems.DeadlinePassed,
)
_ORDER_REFUSALS = (
    problems.BadRequest,
    GuestRequired,
    problems.BodyTooLarge,
    problems.UnsupportedMediaType,
    problems.Unprocessable,
    IdempotencyKeyReused,
)
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("GET", "/api/products"): Operation(
        "listProducts",
        "Search and page through the catalogue",
        200,
        ProductPage,
        (problems.Unprocessable,),
    ),
    ("GET", "/api/products/{product_id}"): Operation(
        "getProduct", "One watch", 200, Product, (problems.NotFound,)
    ),
    ("GET", "/api/brands"): Operation(
        "listBrands", "All brands with their number of watches", 200, BrandList
    ),
    ("GET", "/api/orders"): Operation(
        "listOrders",
        f"This guest's orders, newest first: the newest {MAX_LISTED}. Without a guest it is empty",
        200,
        OrderList,
    ),
    ("GET", "/api/orders/{order_id}"): Operation(
        "getOrder", "One of this guest's orders", 200, OrderView, (problems.NotFound,)
    ),
    ("POST", "/api/orders"): Operation(
        "placeOrder",
        "Place an order; repeating it with the same key is safe",
        202,
        OrderAccepted,
        _ORDER_REFUSALS,
        takes_order=True,
    ),
}
_WITH_RETRY_AFTER = (problems.TooManyRequests, problems.ServiceUnavailable)


_GUEST_COOKIE: Schema = {
    "type": "apiKey",
    "in": "cookie",
    "name": "arloji_guest",
    "description": "Set by the first answer to anyone who comes without; send back whatever is "
    "set. Behind TLS the name begins with `__Host-`, and where several shops share a host name it "
    "has an ending",
}


def describe_api() -> Schema:
    """The document as JSON types."""
    paths: dict[str, Schema] = {}
    for route in TABLE:
        paths.setdefault(route.path, {})[route.method.lower()] = _describe(route)
    answers = {operation.answer: None for operation in OPERATIONS.values()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Arloji API",
            "version": __version__,
            "description": "Watches and orders. Money is whole rupiah. Every answer carries its "
            "trace in `traceresponse`; every error is `application/problem+json`.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas_of((ProblemDetails, OrderRequest, *answers)),
            "securitySchemes": {"guest": _GUEST_COOKIE},
        },
    }


def _describe(route: Route) -> Schema:
    operation = OPERATIONS[route.method, route.path]
    described: Schema = {
        "operationId": operation.operation_id,
        "summary": operation.summary,
        "tags": [route.path.split("/")[2]],
        "parameters": _parameters(route, operation),
        "responses": {
            str(operation.status): _answer(operation),
            **_refusals(operation),
        },
    }
    if operation.takes_order:
        described["requestBody"] = {"required": True, "content": _json(OrderRequest)}
    if route.path.startswith("/api/orders"):
        # Who only reads may come without: nobody has no orders.
        described["security"] = [{"guest": []}] if operation.takes_order else [{"guest": []}, {}]
    return described


def _parameters(route: Route, operation: Operation) -> list[Schema]:
    parameters: list[Schema] = [
        {"name": name, "in": "path", "required": True, **parameter}
        for name, parameter in PATH_PARAMETERS.items()
        if f"{{{name}}}" in route.path
    ]
    if route.takes_query:
        parameters += [
            {
                **{"name": name, "in": "query", "description": text, "schema": schema},
                # Lists by commas, and not by the same name again and again.
                **({"style": "form", "explode": False} if schema.get("type") == "array" else {}),
            }
            for name, (text, schema) in QUERY_PARAMETERS.items()
        ]
    return [*parameters, KEY_HEADER] if operation.takes_order else parameters


def _answer(operation: Operation) -> Schema:
    answer: Schema = {"description": operation.summary, "content": _json(operation.answer)}
    if operation.takes_order:
        answer["headers"] = {"Location": {"schema": {"type": "string"}}}
    if operation.answer is OrderList:
        text = "`true` if the guest has more orders than are listed; else absent"
        answer["headers"] = {OLDER_ORDERS: {"description": text, "schema": {"type": "boolean"}}}
    return answer


def _refusals(operation: Operation) -> Schema:
    refusals = problem_responses(*operation.refusals, *_EVERYWHERE)
    for kind in _WITH_RETRY_AFTER:
        refusals[kind.status]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return {str(status): refusal for status, refusal in refusals.items()}


def _json(model: type[BaseModel]) -> Schema:
    content = {"schema": reference_to(model), "example": EXAMPLES[model.__name__]}
    return {"application/json": content}
