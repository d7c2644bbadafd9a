"""service-http as an app."""

from functools import partial

from servicekit.http_server.service import ServiceApp, create_plain_app
from services.service_http.resources import open_resources
from services.service_http.routes import ROUTES
from services.service_http.settings import Settings


def create_app(settings: Settings) -> ServiceApp:
    app = create_plain_app(settings, open_resources=partial(open_resources, settings))
    # A redirect would be built from the Host header, and to another path than was asked for.
    app.router.redirect_slashes = False
    app.router.routes[:0] = ROUTES
    return app
