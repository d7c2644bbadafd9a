"""service-http as an app."""

from functools import partial

from servicekit.http_server.app import ServiceApp, create_service_app
from services.service_http.resources import open_resources
from services.service_http.routes import router
from services.service_http.settings import Settings


def create_app(settings: Settings) -> ServiceApp:
    app = create_service_app(
        settings,
        open_resources=partial(open_resources, settings),
        inner=True,
        own_spans=True,
    )
    app.include_router(router)
    return app
