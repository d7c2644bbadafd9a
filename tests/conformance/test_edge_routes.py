"""The edge names requests as the frontend does, so that figures of both are of the same routes."""

import re
from typing import Any

from benchmarks.edge_route import edge_route
from contracts.api import PATHS
from services.frontend.routes import page_routes

# What only leads to where a page is now, and what no customer reaches.
_NOT_NAMED = {"/orders/{_name}", "/products/{_name}"}


def frontend_routes() -> set[str]:
    pages: list[Any] = page_routes()
    return {*PATHS, *(route.path for route in pages)}


def test_the_edge_names_each_request_as_the_frontend_does() -> None:
    paths = frontend_routes()
    assert {"/", "/api/orders/{order_id}", "/static/{name}"} <= paths
    for path in paths:
        name = path.rstrip("/") or "/"
        if name not in _NOT_NAMED:
            assert edge_route(re.sub(r"{[^}]+}", "a-1", path)) == name


def test_what_is_no_page_of_the_shop_has_one_name() -> None:
    paths = ("", "/wp-login.php", "/api/x", "/products/a/b", "/cartoon", "/static/", "/orders/1/2")
    for path in paths:
        assert edge_route(path) == "other"
