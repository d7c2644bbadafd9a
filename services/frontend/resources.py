"""What handlers work with: what is built with the app, and the gateway once it is open."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.types import Scope

from contracts.route_classes import CLASSES, UPSTREAM_OF, RouteClass
from contracts.telemetry import (
    FRONTEND_IN_FLIGHT,
    FRONTEND_LIMIT,
    FRONTEND_SHED,
    FRONTEND_WAITING,
    REJECTED,
    REJECTED_REASON,
    ROUTE_CLASS,
)
from servicekit.admission.control import AdmissionControl, MetricNames
from servicekit.http_client.remote_service import open_remote_service
from servicekit.http_proxy.forwarding import Upstream, open_upstream
from servicekit.http_server.service import ServiceApp
from services.frontend.assets import Assets
from services.frontend.brand_menu import BrandMenu
from services.frontend.cookies import ShopCookies
from services.frontend.csrf import FormTokens
from services.frontend.gateway_client import GatewayClient
from services.frontend.pages import Pages
from services.frontend.request_class import class_of
from services.frontend.settings import Settings
from services.frontend.signing import SessionSecrets


@dataclass(frozen=True)
class Site:
    """What pages are made with; opens nothing."""

    assets: Assets
    cookies: ShopCookies
    pages: Pages
    form_tokens: FormTokens


def create_site(settings: Settings) -> Site:
    secrets = SessionSecrets(settings.session_secrets, settings.reread_session_secrets)
    cookies, assets = ShopCookies(secrets, settings.cookie_options), Assets()
    return Site(assets, cookies, Pages(settings, assets, cookies), FormTokens(secrets))


_METRIC_NAMES = MetricNames(
    FRONTEND_SHED,
    FRONTEND_LIMIT,
    FRONTEND_IN_FLIGHT,
    FRONTEND_WAITING,
    REJECTED,
    REJECTED_REASON,
    ROUTE_CLASS,
)


async def open_resources(
    settings: Settings, site: Site, app: ServiceApp, stack: AsyncExitStack
) -> None:
    """Orders have connections of their own: a publisher that does not answer keeps nobody from
    looking at watches."""
    url, most = settings.api_gw_url, settings.max_in_flight
    app.state.admission = AdmissionControl(settings, CLASSES, _METRIC_NAMES)
    # A page may ask for two things at once.
    reads = await stack.enter_async_context(open_remote_service(url, max_connections=2 * most))
    orders = await stack.enter_async_context(open_remote_service(url, max_connections=most))
    site.pages.compile_templates()
    app.state.site = site
    # What memory answers has been refused as well, which the limiter is to hear of.
    refused = app.state.admission[UPSTREAM_OF[RouteClass.LIST]].limit.note_refusal
    app.state.gateway = GatewayClient(reads, orders, on_stale=refused)
    app.state.brand_menu = BrandMenu(app.state.gateway)
    # For what programs ask: passed on as it is.
    app.state.upstreams = Upstreams(
        reads=await stack.enter_async_context(open_upstream(url, max_connections=most)),
        orders=await stack.enter_async_context(open_upstream(url, max_connections=most)),
    )
    app.health.add("api-gw", reads.check_alive)


@dataclass(frozen=True)
class Upstreams:
    """The gateway, by whose work a request is in the end."""

    reads: Upstream
    orders: Upstream

    def of(self, scope: Scope) -> Upstream:
        return (
            self.orders
            if class_of(scope["method"], scope["path"]) is RouteClass.ORDER_PLACEMENT
            else self.reads
        )


async def _site_of(request: Request) -> Site:
    site = request.app.state.site
    assert isinstance(site, Site)
    return site


async def _gateway_of(request: Request) -> GatewayClient:
    gateway = request.app.state.gateway
    assert isinstance(gateway, GatewayClient)
    return gateway


async def _brand_menu_of(request: Request) -> BrandMenu:
    menu = request.app.state.brand_menu
    assert isinstance(menu, BrandMenu)
    return menu


# Parameters of handlers.
SiteDep = Annotated[Site, Depends(_site_of)]
GatewayDep = Annotated[GatewayClient, Depends(_gateway_of)]
BrandMenuDep = Annotated[BrandMenu, Depends(_brand_menu_of)]
