"""The table as an ASGI app: what is passed on, without FastAPI's routing and dependencies."""

from collections.abc import Awaitable, Mapping
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as OwnRoute
from starlette.types import Receive, Scope, Send

from contracts.api import DESCRIPTION
from servicekit.http_server.request import TIMEOUT
from servicekit.problems import MethodNotAllowed
from servicekit.telemetry.server_spans import name_route
from services.api_gw.gateway import Gateway
from services.api_gw.table import PathTemplate, Route, routes_by_path

# For everybody, and where programs look for it on a FastAPI app.
DESCRIPTION_PATHS = (DESCRIPTION, "/openapi.json")

_MATCH = "arloji.match"
# The template that the path fits, its routes by method, and the path to ask the service for.
_Match = tuple[str, Mapping[str, Route], str]
# A path that is longer fits none but by chance, and is not worth remembering.
_LONGEST_KNOWN = 80


class TableApp:
    """Ask `takes` first: it finds the path, which a request is then answered by, with all that
    may happen to it. The `gateway` is there once it is open."""

    gateway: Gateway

    def __init__(self) -> None:
        paths = routes_by_path()
        # Most are known at a glance.
        self._plain: dict[bytes, _Match] = {
            path.encode("ascii"): (path, routes, path)
            for path, routes in paths.items()
            if "{" not in path
        }
        self._with_parameters = [
            (PathTemplate(path), path, routes) for path, routes in paths.items() if "{" in path
        ]
        # Some products are asked for again and again.
        self._find = lru_cache(maxsize=1024)(self._match)

    def takes(self, scope: Scope) -> bool:
        """Whether its path is one of the table, by whatever method."""
        raw_path: bytes = scope["raw_path"]
        match = self._plain.get(raw_path)
        if match is None and len(raw_path) <= _LONGEST_KNOWN:
            match = self._find(raw_path)
        scope[_MATCH] = match
        if match is not None and (route := match[1].get(scope["method"])) is not None:
            scope[TIMEOUT] = route.timeout_seconds
        return match is not None

    def _match(self, raw_path: bytes) -> _Match | None:
        for template, path, routes in self._with_parameters:
            if (parameters := template.parse(raw_path)) is not None:
                return path, routes, path.format_map(parameters)
        return None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        match: _Match = scope[_MATCH]
        path, routes, target = match
        name_route(scope, path)
        if (route := routes.get(scope["method"])) is None:
            allowed = ", ".join(sorted({*routes, *(("HEAD",) if "GET" in routes else ())}))
            raise MethodNotAllowed(f"This route knows {allowed}.", headers={"Allow": allowed})
        return self.gateway.forward(route, target, scope, receive, send)


def description_routes(document: bytes) -> list[BaseRoute]:
    """The gateway describes the API itself."""

    async def describe(request: Request) -> Response:
        name_route(request.scope, request.url.path)
        return Response(document, media_type="application/json")

    return [OwnRoute(path, describe) for path in DESCRIPTION_PATHS]
