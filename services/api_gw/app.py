"""The gateway as an app."""

import json
from functools import partial

from servicekit.http_proxy.with_proxy import WithProxy
from servicekit.http_server.allowed_hosts import hosts_of_inner
from servicekit.http_server.request import RequestWrapper
from servicekit.http_server.service import create_plain_app
from servicekit.telemetry.server_spans import ServerTelemetry
from services.api_gw.description import describe_api
from services.api_gw.resources import open_resources
from services.api_gw.routes import TableApp, description_routes
from services.api_gw.settings import Settings


def create_app(settings: Settings) -> WithProxy:
    table = TableApp()
    app = create_plain_app(settings, open_resources=partial(open_resources, settings, table))
    # A redirect would be built from the Host header, and to another path than was asked for.
    app.router.redirect_slashes = False
    app.router.routes.extend(description_routes(json.dumps(describe_api()).encode()))
    proxy = RequestWrapper(
        table,
        timeout_seconds=settings.request_timeout_seconds,
        hosts=hosts_of_inner(settings.host),
        telemetry=ServerTelemetry(),
    )
    return WithProxy(app, proxy, table.takes)
