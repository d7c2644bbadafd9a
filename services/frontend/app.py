"""Builds the frontend: the trust boundary around pages and the passage to the gateway."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Scope

from contracts.api import API, PATHS
from contracts.headers import GUEST
from servicekit.http_client.client import check_alive, open_http_client
from servicekit.http_proxy.forwarding import ForwardingApp, Upstream, open_upstream
from servicekit.http_server.app import ServiceApp, create_service_app
from services.frontend.boundary import TrustBoundary
from services.frontend.errors import create_problem_renderer, create_refusal_renderer
from services.frontend.gate import RequestGate
from services.frontend.gateway import Gateway
from services.frontend.guest import guest_of
from services.frontend.routes import page_routes
from services.frontend.settings import Settings
from services.frontend.shop import create_shop


def create_app(settings: Settings) -> TrustBoundary:
    """The whole app, boundary included; nothing is opened before its lifespan starts."""
    shop = create_shop(settings)
    app = create_service_app(
        settings,
        title="Arloji",
        description="The shop's pages; the API for programs is described at /api/openapi.json.",
        open_resources=partial(_open_gateway, settings),
        render_problem=create_problem_renderer(shop.pages),
        # The gateway describes the API; pages describe themselves.
        openapi_url=None,
    )
    app.state.shop = shop
    # The innermost: what it refuses is rendered, timed and traced like everything else.
    app.user_middleware.append(Middleware(RequestGate))
    app.router.redirect_slashes = False
    app.router.routes.extend(_passage_routes(_create_passage(app)))
    app.include_router(page_routes())
    return TrustBoundary(
        app,
        health=app.health,
        cookies=shop.cookies,
        secure=settings.cookie_secure,
        render_refusal=create_refusal_renderer(shop.pages),
    )


async def _open_gateway(settings: Settings, app: ServiceApp, stack: AsyncExitStack) -> None:
    client = await stack.enter_async_context(open_http_client(settings.api_gw_url))
    app.state.gateway = Gateway(client)
    app.state.upstream = await stack.enter_async_context(open_upstream(settings.api_gw_url))
    app.health.add("api-gw", partial(check_alive, client))


def _passage_routes(passage: ForwardingApp) -> list[BaseRoute]:
    """All of `/api`. Each path that the API has is a route of its own, whatever the method: its
    template names the request in traces and metrics, where a mount is the same for all."""
    return [*(Route(path, passage) for path in PATHS), Mount(API, passage)]


def _create_passage(app: ServiceApp) -> ForwardingApp:
    """`/api/*` for programs: the gateway's routes, with the guest that the cookie names."""

    def upstream_of(_scope: Scope) -> Upstream:
        upstream = app.state.upstream
        assert isinstance(upstream, Upstream)
        return upstream

    def own_headers(scope: Scope) -> Mapping[str, str]:
        guest = guest_of(scope)
        return {GUEST: str(guest.guest_id)} if guest.known else {}

    return ForwardingApp(API, upstream_of=upstream_of, own_headers=own_headers, via="frontend")
