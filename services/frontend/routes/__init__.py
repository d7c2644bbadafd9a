"""The shop's pages, one module per noun."""

from fastapi import APIRouter

from services.frontend.routes import (
    api_page,
    cart,
    catalogue,
    checkout,
    guest,
    language,
    orders,
    products,
    redirects,
    static,
)


def page_routes() -> APIRouter:
    """All of them; pages are for people, so the API description leaves them out."""
    router = APIRouter(include_in_schema=False)
    for module in (
        *(catalogue, products, cart, checkout, orders, guest, language),
        *(redirects, api_page, static),
    ):
        router.include_router(module.router)
    return router
