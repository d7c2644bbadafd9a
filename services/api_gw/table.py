"""The route table: whatever is not in it does not exist.

A path is compared as it came over the wire, undecoded, and the upstream's path is built from the
template and the parsed parameters. Nothing that a client writes as a path is ever passed on.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from contracts.orders import MAX_PRODUCT_ID
from contracts.route_classes import RouteClass
from servicekit.http_server.body import MAX_BODY_BYTES


class Service(StrEnum):
    """Who is behind the gateway, by network name."""

    HTTP = "service-http"
    PUBLISHER = "publisher"


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    service: Service
    route_class: RouteClass
    # A second more than the service gives itself, so that its own answer wins.
    timeout_seconds: float = 4
    # Of a body; one that the method has no use for is read and dropped.
    body_limit_bytes: int = MAX_BODY_BYTES
    takes_query: bool = False


TABLE = (
    Route("GET", "/api/products", Service.HTTP, RouteClass.LIST, takes_query=True),
    Route("GET", "/api/products/{product_id}", Service.HTTP, RouteClass.PRODUCT),
    Route("GET", "/api/brands", Service.HTTP, RouteClass.LIST),
    Route("GET", "/api/orders", Service.HTTP, RouteClass.ORDER_STATUS),
    Route("POST", "/api/orders", Service.PUBLISHER, RouteClass.ORDER_PLACEMENT),
    Route("GET", "/api/orders/{order_id}", Service.HTTP, RouteClass.ORDER_STATUS),
)

_PATTERNS = {
    # One way only to write a number: no sign, no leading zero.
    "product_id": rb"[1-9][0-9]{0,18}",
    "order_id": rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
}


class PathTemplate:
    """A path with at most one parameter, which is its last segment."""

    def __init__(self, path: str) -> None:
        start, _, parameter = path.partition("{")
        self._name = parameter.removesuffix("}")
        pattern = re.escape(start.encode("ascii"))
        if parameter:
            pattern += b"(%s)" % _PATTERNS[self._name]
        self._match = re.compile(pattern, re.ASCII).fullmatch

    def parse(self, raw_path: bytes) -> dict[str, str] | None:
        """The parameters in their canonical form; None if this is another path."""
        match = self._match(raw_path)
        if match is None:
            return None
        if not self._name:
            return {}
        value = match[1].decode("ascii").lower()
        if self._name == "product_id" and int(value) > MAX_PRODUCT_ID:
            return None
        return {self._name: value}


def routes_by_path(table: tuple[Route, ...] = TABLE) -> dict[str, dict[str, Route]]:
    """For each path of the table its routes by method."""
    ordered = sorted(table, key=lambda route: route.path)
    return {
        path: {route.method: route for route in routes}
        for path, routes in groupby(ordered, key=lambda route: route.path)
    }
