"""What a request is to the shop, told by method and path alone."""

from contracts.api import API
from contracts.route_classes import RouteClass

# From memory, without anybody else's work.
_OPEN_TO_ALL = ("/static/", "/healthz", "/readyz", "/favicon.svg", "/robots.txt")


def class_of(method: str, path: str) -> RouteClass | None:
    """None for what anybody may have at any time."""
    if path.startswith(_OPEN_TO_ALL):
        return None
    noun = path.removeprefix(API).partition("/")[2].partition("/")[0]
    if noun == "orders":
        return RouteClass.ORDER_PLACEMENT if method == "POST" else RouteClass.ORDER_STATUS
    if noun in ("cart", "products", "language"):
        return RouteClass.LIST if path == f"{API}/products" else RouteClass.PRODUCT
    return RouteClass.LIST
