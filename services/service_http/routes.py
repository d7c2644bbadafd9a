"""The routes: parameters in, JSON bytes out."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from contracts.headers import GUEST, OLDER_ORDERS
from contracts.orders import MAX_PRODUCT_ID, OrderList, OrderView
from contracts.products import BrandList, Product, ProductPage
from servicekit.problems import NotFound, Unprocessable
from services.service_http.catalogue import Catalogue, Document, ProductNotFound
from services.service_http.description import describe
from services.service_http.order_status import OrderBook, OrderNotFound
from services.service_http.query import ProductQuery

router = APIRouter(prefix="/api")

# Strings, since whatever is no id names nothing: 404, not 422.
ProductIdText = Annotated[
    str, Path(json_schema_extra={"type": "integer", "minimum": 1, "maximum": MAX_PRODUCT_ID})
]
OrderIdText = Annotated[str, Path(json_schema_extra={"format": "uuid"})]
GuestText = Annotated[
    str | None, Header(alias=GUEST, description="The guest's UUID, set by the frontend")
]


@router.get(
    "/products", summary="Search the catalogue", responses=describe(ProductPage, Unprocessable)
)
async def get_products(request: Request, query: Annotated[ProductQuery, Query()]) -> Response:
    return _answer(await _catalogue(request).page(query))


@router.get("/products/{product_id}", summary="One product", responses=describe(Product, NotFound))
async def get_product(request: Request, product_id: ProductIdText) -> Response:
    return _answer(await _catalogue(request).product(_product_id(product_id)))


@router.get("/brands", summary="All brands", responses=describe(BrandList))
async def get_brands(request: Request) -> Response:
    return _answer(await _catalogue(request).brands())


@router.get("/orders", summary="This guest's newest orders", responses=describe(OrderList))
async def get_orders(request: Request, guest: GuestText = None) -> Response:
    guest_id = _uuid(guest)
    if guest_id is None:
        return _private(OrderList(items=()))
    listed = await _order_book(request).list(guest_id)
    answer = _private(listed.orders)
    if listed.has_older:
        answer.headers[OLDER_ORDERS] = "true"
    return answer


@router.get("/orders/{order_id}", summary="One order", responses=describe(OrderView, NotFound))
async def get_order(request: Request, order_id: OrderIdText, guest: GuestText = None) -> Response:
    guest_id, wanted = _uuid(guest), _uuid(order_id)
    if guest_id is None or wanted is None:
        raise OrderNotFound
    return _private(await _order_book(request).find(guest_id, wanted))


def _catalogue(request: Request) -> Catalogue:
    catalogue = request.app.state.catalogue
    assert isinstance(catalogue, Catalogue)
    return catalogue


def _order_book(request: Request) -> OrderBook:
    order_book = request.app.state.order_book
    assert isinstance(order_book, OrderBook)
    return order_book


def _product_id(text: str) -> int:
    """One spelling for each: no sign, no leading zero, ASCII."""
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text) or int(text) > MAX_PRODUCT_ID:
        raise ProductNotFound
    return int(text)


def _uuid(text: str | None) -> UUID | None:
    """None for what is not a UUID in its usual form (RFC 9562 §4), in either case."""
    try:
        value = UUID(text)
    except (ValueError, TypeError):
        return None
    return value if text is not None and str(value) == text.lower() else None


def _answer(document: Document) -> Response:
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
