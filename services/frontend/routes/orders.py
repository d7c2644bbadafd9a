"""`GET /orders`: following one order, listing this guest's."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from contracts.identifiers import parse_uuid
from contracts.orders import MAX_LISTED, OrderReason, OrderStatus, OrderView
from servicekit.deadline import within
from servicekit.problems import BadGateway, DeadlinePassed, NotFound, ServiceUnavailable
from services.frontend.gateway_client import GatewayClient
from services.frontend.order_summary import find_products_if_possible
from services.frontend.order_view import first_product, list_order, order_of_receipt, show_order
from services.frontend.resources import GatewayDep, SiteDep

router = APIRouter()

# Seconds until a page without JavaScript asks again.
# For the status, where the browser remembers the order.
_PATIENCE_SECONDS = 1.0
_REFRESH_SECONDS, _REFRESH_HELD_SECONDS = 2, 30


@router.get("/orders/{order_id}")
async def show_one_order(
    request: Request, order_id: str, site: SiteDep, gateway: GatewayDep
) -> Response:
    page = site.pages.context(request.scope)
    guest = page.guest
    if not guest.known:
        raise NotFound("No such order.")
    receipt = site.cookies.receipt.read(page.headers, guest.guest_id) or {}
    order, stale = await _find_order(gateway, guest.guest_id, _read_order_id(order_id), receipt)
    products = await find_products_if_possible(gateway, (line.product_id for line in order.items))
    shown = show_order(order, products, receipt)
    return site.pages.render(
        page,
        "order.html",
        shown=shown,
        order=order,
        state=shown.state,
        stale=stale,
        refresh_seconds=_refresh_seconds(order),
    )


@router.get("/orders")
async def list_orders(request: Request, site: SiteDep, gateway: GatewayDep) -> Response:
    page = site.pages.context(request.scope)
    orders = await gateway.fetch_orders(page.guest.guest_id) if page.guest.known else ()
    products = await find_products_if_possible(gateway, map(first_product, orders))
    return site.pages.render(
        page,
        "orders.html",
        orders=[list_order(order, products) for order in orders],
        limit=MAX_LISTED,
    )


async def _find_order(
    gateway: GatewayClient, guest_id: UUID, order_id: UUID, receipt: Mapping[str, Any]
) -> tuple[OrderView, bool]:
    """And whether it is only what this browser remembers: who has just ordered is told so, even if
    nobody can say how far the order has come."""
    known = order_of_receipt(order_id, receipt)
    try:
        with within(_PATIENCE_SECONDS) if known else nullcontext():
            return await gateway.fetch_order(guest_id, order_id), False
    except (BadGateway, DeadlinePassed, ServiceUnavailable):
        if known is None:
            raise
        return known, True


def _read_order_id(text: str) -> UUID:
    order_id = parse_uuid(text)
    if order_id is None:
        raise NotFound("No such order.")
    return order_id


def _refresh_seconds(order: OrderView) -> int | None:
    if order.status is not OrderStatus.ACCEPTED:
        return None
    return _REFRESH_HELD_SECONDS if order.reason is OrderReason.HELD else _REFRESH_SECONDS
