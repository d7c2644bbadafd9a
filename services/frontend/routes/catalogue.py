"""`GET /`: the catalogue with its filters."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from contracts.products import MAX_QUERY_LENGTH, MAX_QUERY_WORDS, Brand, ProductPage, ProductSort
from servicekit.problems import Unprocessable
from services.frontend.filters import Filters, read_filters
from services.frontend.gateway_client import GatewayClient
from services.frontend.pagination import list_pages
from services.frontend.resources import GatewayDep, SiteDep

router = APIRouter()

# In the order of the menu, with the text of each.
_SORTS = {
    ProductSort.NEWEST: "sort.newest",
    ProductSort.NAME: "sort.name",
    ProductSort.PRICE: "sort.price",
    ProductSort.PRICE_DESCENDING: "sort.price_descending",
}


@router.get("/")
async def show_catalogue(request: Request, site: SiteDep, gateway: GatewayDep) -> Response:
    filters, found, brands = await _fetch(gateway, read_filters(request.query_params))
    pages = max(1, -(-found.total // found.page_size))
    return site.pages.render(
        site.pages.context(request.scope),
        "catalogue.html",
        status=422 if filters.errors else 200,
        filters=filters,
        found=found,
        brands=brands,
        sorts=_SORTS,
        pages=pages,
        max_query_length=MAX_QUERY_LENGTH,
        max_query_words=MAX_QUERY_WORDS,
        page_numbers=list_pages(found.page, pages),
    )


async def _fetch(
    gateway: GatewayClient, filters: Filters
) -> tuple[Filters, ProductPage, tuple[Brand, ...]]:
    """What the API finds, and the filters that it found it by: a search that it refuses is
    left out like any other filter that cannot be used."""
    try:
        found, brands = await asyncio.gather(
            gateway.fetch_products(filters.api_parameters()), gateway.fetch_brands()
        )
    except Unprocessable:
        if not filters.q:
            raise
        return await _fetch(gateway, filters.refuse_search())
    return filters, found, brands
