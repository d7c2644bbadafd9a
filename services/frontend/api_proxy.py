"""`/api/*` for programs: passed on to the gateway, with the guest that the cookie names."""

from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Scope

from contracts.api import API, PATHS
from contracts.headers import GUEST
from servicekit.http_proxy.forwarding import ForwardingApp, Upstream
from servicekit.http_proxy.headers import Headers
from servicekit.http_server.app import ServiceApp
from services.frontend.guest import guest_of

_GUEST_FIELD = GUEST.lower().encode("ascii")


def api_proxy_routes(app: ServiceApp) -> list[BaseRoute]:
    """All of `/api`. Each path that the API has is a route of its own, whatever the method: its
    template names the request in traces and metrics, where a mount is the same for all."""

    def upstream_of(_scope: Scope) -> Upstream:
        upstream = app.state.upstream
        assert isinstance(upstream, Upstream)
        return upstream

    proxy = ForwardingApp(API, upstream_of=upstream_of, own_headers=_own_headers, via="frontend")
    return [*(Route(path, proxy) for path in PATHS), Mount(API, proxy)]


def _own_headers(scope: Scope) -> Headers:
    guest = guest_of(scope)
    return [(_GUEST_FIELD, str(guest.guest_id).encode("ascii"))] if guest.known else []
