"""`GET /products/{slug}`: one watch. The slug ends in its product id (decision 5)."""

import re

from fastapi import APIRouter, Request
from starlette.responses import Response

from contracts.orders import MAX_PRODUCT_ID
from servicekit.problems import NotFound
from services.frontend.routes.moved import lead_to
from services.frontend.shop import gateway_of, shop_of

router = APIRouter()

_SLUG = re.compile(r"(?:.*-)?([0-9]{1,19})", re.ASCII | re.DOTALL)


@router.get("/products/{slug}")
async def show_product(request: Request, slug: str) -> Response:
    shop = shop_of(request)
    product = await gateway_of(request).fetch_product(read_product_id(slug))
    if product.slug != slug:
        return lead_to(f"/products/{product.slug}", request)
    visit = shop.pages.visit(request.scope)
    return shop.pages.render(
        visit,
        "product.html",
        product=product,
        in_cart=visit.cart.quantity_of(product.product_id),
    )


def read_product_id(slug: str) -> int:
    """Raises `NotFound` unless the slug ends in a number that can be a product's."""
    match = _SLUG.fullmatch(slug)
    product_id = int(match[1]) if match else 0
    if not 1 <= product_id <= MAX_PRODUCT_ID:
        raise NotFound("No such product.")
    return product_id
