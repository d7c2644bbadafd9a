"""`GET /products/{slug}`: one watch. The slug ends in its product id (decision 5)."""

import re
from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from contracts.orders import MAX_PRODUCT_ID
from contracts.products import Product
from servicekit.problems import NotFound
from services.frontend.cart_form import read_number
from services.frontend.routes.moved import lead_to
from services.frontend.shop import gateway_of, shop_of

router = APIRouter()

_SLUG = re.compile(r"(?:.*-)?([0-9]{1,19})", re.ASCII | re.DOTALL)


@router.get("/products/{slug}")
async def show_product(request: Request, slug: str) -> Response:
    product = await gateway_of(request).fetch_product(read_product_id(slug))
    if product.slug != slug:
        return lead_to(f"/products/{product.slug}", request)
    return _render(request, product, request.query_params)


async def refuse_added(
    request: Request, form: Mapping[str, str], error: str, limit: int
) -> Response:
    """The watch again, with what is wrong in the form that puts it into the cart."""
    product = await gateway_of(request).fetch_product(read_number(form["product_id"]))
    return _render(request, product, form, error=error, limit=limit)


def _render(
    request: Request,
    product: Product,
    form: Mapping[str, str],
    *,
    error: str = "",
    limit: int = 0,
) -> Response:
    shop = shop_of(request)
    visit = shop.pages.visit(request.scope, address=f"/products/{product.slug}")
    return shop.pages.render(
        visit,
        "product.html",
        status=422 if error else 200,
        product=product,
        in_cart=visit.cart.quantity_of(product.product_id),
        quantity=form.get("quantity", "1"),
        error=error,
        limit=limit,
    )


def read_product_id(slug: str) -> int:
    """Raises `NotFound` unless the slug ends in a number that can be a product's."""
    match = _SLUG.fullmatch(slug)
    product_id = int(match[1]) if match else 0
    if not 1 <= product_id <= MAX_PRODUCT_ID:
        raise NotFound("No such product.")
    return product_id
