"""The publisher as an app."""

from functools import partial

from servicekit.http_server.app import create_service_app
from servicekit.http_server.service import ServiceApp
from services.publisher.resources import open_resources
from services.publisher.routes import ROUTES
from services.publisher.settings import Settings


def create_app(settings: Settings) -> ServiceApp:
    app = create_service_app(
        settings,
        open_resources=partial(open_resources, settings),
        inner=True,
    )
    app.router.routes.extend(ROUTES)
    return app
