"""`GET /`: the catalogue with its filters."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from contracts.products import (
    MAX_QUERY_LENGTH,
    MAX_QUERY_WORDS,
    BrandList,
    ProductPage,
    ProductSort,
)
from servicekit.problems import Unprocessable
from services.frontend.brand_menu import BrandMenu
from services.frontend.filters import Filters, read_filters
from services.frontend.gateway_client import Answer, GatewayClient
from services.frontend.pagination import list_pages
from services.frontend.resources import BrandMenuDep, GatewayDep, SiteDep

router = APIRouter()

# In the order of the menu, with the text of each.
_SORTS = {
    ProductSort.NEWEST: "sort.newest",
    ProductSort.NAME: "sort.name",
    ProductSort.PRICE: "sort.price",
    ProductSort.PRICE_DESCENDING: "sort.price_descending",
}


@router.get("/")
async def show_catalogue(
    request: Request, site: SiteDep, gateway: GatewayDep, menu: BrandMenuDep
) -> Response:
    filters, found, brands = await _fetch(gateway, menu, read_filters(request.query_params))
    return site.pages.render_shared(
        site.pages.context(request.scope),
        "catalogue.html",
        lambda: _create_context(filters, found.read(), brands.read()),
        # What the filters are told by the address, but for a search that the API refused.
        sources=(found.body, brands.body, *map(str.encode, filters.errors.values())),
        status=422 if filters.errors else 200,
        age_seconds=found.age_seconds,
    )


def _create_context(filters: Filters, found: ProductPage, brands: BrandList) -> Mapping[str, Any]:
    pages = max(1, -(-found.total // found.page_size))
    return {
        "filters": filters,
        "found": found,
        "brands": brands.items,
        "sorts": _SORTS,
        "pages": pages,
        "max_query_length": MAX_QUERY_LENGTH,
        "max_query_words": MAX_QUERY_WORDS,
        "page_numbers": list_pages(found.page, pages),
    }


async def _fetch(
    gateway: GatewayClient, menu: BrandMenu, filters: Filters
) -> tuple[Filters, Answer[ProductPage], Answer[BrandList]]:
    """What the API finds, and the filters that it found it by: a search that it refuses is
    left out like any other filter that cannot be used."""
    searching, known = gateway.fetch_products(filters.api_parameters()), menu.recall()
    try:
        if known is not None:
            return filters, await searching, known
        found, brands = await asyncio.gather(searching, menu.fetch())
    except Unprocessable:
        if not filters.q:
            raise
        return await _fetch(gateway, menu, filters.refuse_search())
    return filters, found, brands
