"""The gateway as an app."""

import json
from functools import partial

from servicekit.http_server.app import ServiceApp, create_service_app
from services.api_gw.description import describe_api
from services.api_gw.resources import open_resources
from services.api_gw.routes import api_routes
from services.api_gw.settings import Settings


def create_app(settings: Settings) -> ServiceApp:
    app = create_service_app(
        settings,
        open_resources=partial(open_resources, settings),
        inner=True,
    )
    # A redirect would be built from the Host header, and to another path than was asked for.
    app.router.redirect_slashes = False
    app.router.routes[:0] = api_routes(json.dumps(describe_api()).encode())
    return app
