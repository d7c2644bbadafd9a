"""The table as an ASGI app: what is passed on, without FastAPI's routing and dependencies."""

from collections.abc import Callable, Mapping

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
_Match = tuple[str, Mapping[str, Route], Mapping[str, str]]


class TableApp:
    """Ask `takes` first: it finds the path, which a request is then answered by, with all that
    may happen to it. `gateway_of` gives the gateway once it is open."""

    def __init__(self, gateway_of: Callable[[], Gateway]) -> None:
        self._gateway_of = gateway_of
        paths = routes_by_path()
        # Most are known at a glance.
        self._plain: dict[bytes, _Match] = {
            path.encode("ascii"): (path, routes, {})
            for path, routes in paths.items()
            if "{" not in path
        }
        self._with_parameters = [
            (PathTemplate(path), path, routes) for path, routes in paths.items() if "{" in path
        ]

    def takes(self, scope: Scope) -> bool:
        """Whether its path is one of the table, by whatever method."""
        raw_path: bytes = scope["raw_path"]
        match = self._plain.get(raw_path)
        for template, path, routes in self._with_parameters if match is None else ():
            if (parameters := template.parse(raw_path)) is not None:
                match = (path, routes, parameters)
        scope[_MATCH] = match
        if match is not None and (route := match[1].get(scope["method"])) is not None:
            scope[TIMEOUT] = route.timeout_seconds
        return match is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match: _Match = scope[_MATCH]
        path, routes, parameters = match
        name_route(scope, path)
        if (route := routes.get(scope["method"])) is None:
            allowed = ", ".join(sorted({*routes, *(("HEAD",) if "GET" in routes else ())}))
            raise MethodNotAllowed(f"This route knows {allowed}.", headers={"Allow": allowed})
        await self._gateway_of().forward(route, parameters, scope, receive, send)


def description_routes(document: bytes) -> list[BaseRoute]:
    """The gateway describes the API itself."""

    async def describe(request: Request) -> Response:
        name_route(request.scope, request.url.path)
        return Response(document, media_type="application/json")

    return [OwnRoute(path, describe) for path in DESCRIPTION_PATHS]
