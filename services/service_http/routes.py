"""The routes: parameters in, JSON bytes out."""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from contracts.headers import GUEST, OLDER_ORDERS
from contracts.identifiers import parse_uuid
from contracts.orders import MAX_PRODUCT_ID, OrderList
from services.service_http.orders import GuestOrders, OrderNotFound
from services.service_http.products import Catalogue, Document, ProductNotFound
from services.service_http.search import ProductQuery

router = APIRouter(prefix="/api")

GuestText = Annotated[str | None, Header(alias=GUEST)]


@router.get("/products")
async def get_products(request: Request, query: Annotated[ProductQuery, Query()]) -> Response:
    catalogue: Catalogue = request.app.state.catalogue
    return _public(await catalogue.page(query))


# Ids are strings, since whatever is no id names nothing: 404, not 422.
@router.get("/products/{product_id}")
async def get_product(request: Request, product_id: str) -> Response:
    catalogue: Catalogue = request.app.state.catalogue
    return _public(await catalogue.product(_product_id(product_id)))


@router.get("/brands")
async def get_brands(request: Request) -> Response:
    catalogue: Catalogue = request.app.state.catalogue
    return _public(await catalogue.brands())


@router.get("/orders")
async def get_orders(request: Request, guest: GuestText = None) -> Response:
    guest_orders: GuestOrders = request.app.state.guest_orders
    guest_id = parse_uuid(guest)
    if guest_id is None:
        return _private(OrderList(items=()))
    listed = await guest_orders.list_newest(guest_id)
    answer = _private(listed.orders)
    if listed.has_older:
        answer.headers[OLDER_ORDERS] = "true"
    return answer


@router.get("/orders/{order_id}")
async def get_order(request: Request, order_id: str, guest: GuestText = None) -> Response:
    guest_orders: GuestOrders = request.app.state.guest_orders
    guest_id, wanted = parse_uuid(guest), parse_uuid(order_id)
    if guest_id is None or wanted is None:
        raise OrderNotFound
    return _private(await guest_orders.find(guest_id, wanted))


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
