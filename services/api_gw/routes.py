"""The table as the router sees it: pure ASGI, without FastAPI's routing and dependencies.

Each path is a route of its own instead of all being one mount, so that the instrumentation
finds the template: it becomes `http.route` on the SERVER span and in its metrics.
"""

from collections.abc import Iterable, Mapping

from starlette.datastructures import URLPath
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.api import DESCRIPTION
from servicekit.problems import MethodNotAllowed
from services.api_gw.gateway import Gateway
from services.api_gw.table import PathTemplate, Route, routes_by_path

# For everybody, and where programs look for it on a FastAPI app.
DESCRIPTION_PATHS = (DESCRIPTION, "/openapi.json")


class PathRoute(BaseRoute):
    """One path and its methods; HEAD wherever GET is."""

    def __init__(self, path: str, methods: Iterable[str], app: ASGIApp) -> None:
        self.path = path
        self.methods = frozenset(methods)
        if "GET" in self.methods:
            self.methods |= {"HEAD"}
        self._template, self._app = PathTemplate(path), app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        parameters = self._template.parse(scope["raw_path"])
        if parameters is None:
            return Match.NONE, {}
        found = Match.FULL if scope["method"] in self.methods else Match.PARTIAL
        return found, {"path_params": parameters}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in self.methods:
            allowed = ", ".join(sorted(self.methods))
            raise MethodNotAllowed(f"This route knows {allowed}.", headers={"Allow": allowed})
        await self._app(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        raise NoMatchFound(name, path_params)


def api_routes(document: bytes) -> list[BaseRoute]:
    """Every path of the table, and its description, which the gateway answers itself."""
    description = Response(document, media_type="application/json")
    return [
        *(PathRoute(path, routes, _forward(routes)) for path, routes in routes_by_path().items()),
        *(PathRoute(path, ("GET",), description) for path in DESCRIPTION_PATHS),
    ]


def _forward(routes: Mapping[str, Route]) -> ASGIApp:
    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        gateway: Gateway = scope["app"].state.gateway
        route = routes[scope["method"]]
        await gateway.forward(route, scope["path_params"], scope, receive, send)

    return forward
