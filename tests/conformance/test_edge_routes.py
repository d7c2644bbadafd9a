"""The edge names requests as the frontend does, so that figures of both are of the same routes."""

import re
from typing import Any

from contracts.api import PATHS
from local.layout import ROOT
from services.frontend.routes import page_routes

# What only leads to where a page is now, and what no customer reaches.
_NOT_NAMED = {"/orders/{_name}", "/products/{_name}"}


def nginx_map(variable: str) -> list[tuple[str, str]]:
    """Key and value of each line of a `map`, in its order."""
    text = (ROOT / "ingress" / "conf" / "requests.conf").read_text()
    (body,) = re.findall(rf"^map \S+ \${variable} {{\n(.*?)^}}", text, re.M | re.S)
    return re.findall(r'^ +"?([^" ]+)"? +"?([^";]+)"?;$', body, re.M)


def edge_route(path: str) -> str:
    for key, value in nginx_map("route"):
        if key.startswith("~"):
            if found := re.search(key[1:].replace("(?<", "(?P<"), path):
                return re.sub(r"\$(\w+)", lambda name: found[name[1]], value)
        elif key == path:
            return value
    return "other"


def frontend_routes() -> set[str]:
    pages: Any = page_routes().routes
    return {*PATHS, *(route.path for group in pages for route in group.original_router.routes)}


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
