"""`GET /products/{slug}`: one watch. The slug ends in its product id (decision 5)."""

import re
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from contracts.orders import MAX_PRODUCT_ID
from contracts.products import Product
from servicekit.problems import NotFound
from services.frontend.page_context import PageContext
from services.frontend.pages import Slots
from services.frontend.resources import GatewayDep, Site, SiteDep
from services.frontend.routes.redirects import redirect_permanently

router = APIRouter()

_SLUG = re.compile(r"(?:.*-)?([0-9]{1,19})", re.ASCII | re.DOTALL)


@router.get("/products/{slug}")
async def show_product(request: Request, slug: str, site: SiteDep, gateway: GatewayDep) -> Response:
    answer = await gateway.fetch_product(read_product_id(slug))
    product = answer.read()
    if product.slug != slug:
        return redirect_permanently(f"/products/{product.slug}", request)
    page = site.pages.context(request.scope)
    quantity = request.query_params.get("quantity", "1")
    return site.pages.render_shared(
        page,
        "product.html",
        lambda: _create_context(product, quantity),
        sources=(answer.body,),
        slots=_slots(page, product),
        age_seconds=answer.age_seconds,
    )


def render_refused_product(
    site: Site, request: Request, product: Product, *, quantity: str, error: str, limit: int
) -> Response:
    """`error` is what is wrong in the form that puts it into the cart."""
    page = site.pages.context(request.scope, address=f"/products/{product.slug}")
    return site.pages.render(
        page,
        "product.html",
        status=422,
        slots=_slots(page, product),
        **_create_context(product, quantity, error, limit),
    )


def _create_context(
    product: Product, quantity: str, error: str = "", limit: int = 0
) -> dict[str, Any]:
    return {"product": product, "quantity": quantity, "error": error, "limit": limit}


def _slots(page: PageContext, product: Product) -> Slots:
    return {"in_cart": page.cart.quantity_of(product.product_id)}


def read_product_id(slug: str) -> int:
    """Raises `NotFound` unless the slug ends in a number that can be a product's."""
    match = _SLUG.fullmatch(slug)
    product_id = int(match[1]) if match else 0
    if not 1 <= product_id <= MAX_PRODUCT_ID:
        raise NotFound("No such product.")
    return product_id
