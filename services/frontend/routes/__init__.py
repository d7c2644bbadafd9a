"""The shop's pages, one module per noun."""

from starlette.routing import BaseRoute

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


def page_routes() -> list[BaseRoute]:
    """All of them, for the app itself: each router that includes another is one more to go through
    for every request."""
    modules = (
        *(catalogue, products, cart, checkout, orders, guest, language),
        *(redirects, api_page, static),
    )
    return [route for module in modules for route in module.router.routes]
