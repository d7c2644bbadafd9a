"""The routes: parameters in, JSON bytes out. They are Starlette's alone: what FastAPI would do for
them takes a third of the CPU of a product (decision 75)."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from contracts.headers import GUEST, OLDER_ORDERS
from contracts.identifiers import parse_uuid
from contracts.orders import MAX_PRODUCT_ID, OrderList
from servicekit.problems import invalid
from services.service_http.orders import GuestOrders, OrderNotFound
from services.service_http.products import Catalogue, Document, ProductNotFound
from services.service_http.search import ProductQuery


async def get_products(request: Request) -> Response:
    catalogue: Catalogue = request.app.state.catalogue
    return _public(await catalogue.page(_query(request)))


async def get_product(request: Request) -> Response:
    catalogue: Catalogue = request.app.state.catalogue
    return _public(await catalogue.product(_product_id(request.path_params["product_id"])))


async def get_brands(request: Request) -> Response:
    catalogue: Catalogue = request.app.state.catalogue
    return _public(await catalogue.brands())


async def get_orders(request: Request) -> Response:
    guest_orders: GuestOrders = request.app.state.guest_orders
    guest_id = parse_uuid(request.headers.get(GUEST))
    if guest_id is None:
        return _private(OrderList(items=()))
    listed = await guest_orders.list_newest(guest_id)
    answer = _private(listed.orders)
    if listed.has_older:
        answer.headers[OLDER_ORDERS] = "true"
    return answer


async def get_order(request: Request) -> Response:
    guest_orders: GuestOrders = request.app.state.guest_orders
    guest_id = parse_uuid(request.headers.get(GUEST))
    wanted = parse_uuid(request.path_params["order_id"])
    if guest_id is None or wanted is None:
        raise OrderNotFound
    return _private(await guest_orders.find(guest_id, wanted))


class _NamedRoute(Route):
    """Says to telemetry which one it is."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return match, {**found, "route": self} if found else found


# Ids are strings, since whatever is no id names nothing: 404, not 422.
ROUTES = [
    _NamedRoute("/api/products/{product_id}", get_product),
    _NamedRoute("/api/products", get_products),
    _NamedRoute("/api/brands", get_brands),
    _NamedRoute("/api/orders", get_orders),
    _NamedRoute("/api/orders/{order_id}", get_order),
]


class _InvalidQuery:
    """With each field named as the query's."""

    def __init__(self, error: ValidationError) -> None:
        self._error = error

    def errors(self) -> Sequence[Any]:
        return [{**one, "loc": ("query", *one["loc"])} for one in self._error.errors()]


def _query(request: Request) -> ProductQuery:
    """Raises `Unprocessable`. Of a parameter that is repeated the last counts."""
    try:
        return ProductQuery.model_validate(dict(request.query_params))
    except ValidationError as error:
        invalid_query = _InvalidQuery(error)
        raise invalid(invalid_query, "A parameter is not valid; see `errors`.") from None


def _product_id(text: str) -> int:
    """One spelling for each: no sign, no leading zero, ASCII."""
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text) or int(text) > MAX_PRODUCT_ID:
        raise ProductNotFound
    return int(text)


def _public(document: Document) -> Response:
    # A browser asks again each time: the stock is true for two seconds only.
    headers = {"Cache-Control": "no-cache"}
    if document.age_seconds is not None:
        headers["Age"] = str(document.age_seconds)
    return Response(document.body, media_type="application/json", headers=headers)


def _private(answer: BaseModel) -> Response:
    return Response(
        answer.model_dump_json(),
        media_type="application/json",
        headers={"Cache-Control": "private, no-store"},
    )
