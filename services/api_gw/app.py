"""The gateway's app."""

import json
from contextlib import AsyncExitStack
from functools import partial

from servicekit.http_server.app import ServiceApp, create_service_app
from services.api_gw.description import describe_api
from services.api_gw.gateway import open_gateway
from services.api_gw.routes import api_routes
from services.api_gw.settings import Settings
from services.api_gw.table import Service


def create_app(settings: Settings) -> ServiceApp:
    async def open_resources(app: ServiceApp, stack: AsyncExitStack) -> None:
        gateway = await stack.enter_async_context(open_gateway(settings))
        app.state.gateway = gateway
        for service in Service:
            app.health.add(service, partial(gateway.check_alive, service))

    document = describe_api()
    app = create_service_app(
        settings,
        title=document["info"]["title"],
        description=document["info"]["description"],
        open_resources=open_resources,
        inner=True,
    )
    # A redirect would be built from the Host header, and to another path than was asked for.
    app.router.redirect_slashes = False
    app.router.routes[:0] = api_routes(json.dumps(document).encode())
    return app
