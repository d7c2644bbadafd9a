"""Builds the frontend: the trust boundary around pages and the API proxy."""

from functools import partial

from starlette.middleware import Middleware

from servicekit.http_server.app import create_service_app
from services.frontend.api_proxy import api_proxy_routes
from services.frontend.errors import create_problem_renderer, create_refusal_renderer
from services.frontend.request_checks import RequestChecks
from services.frontend.resources import create_site, open_resources
from services.frontend.routes import page_routes
from services.frontend.settings import Settings
from services.frontend.trust_boundary import TrustBoundary


def create_app(settings: Settings) -> TrustBoundary:
    """The whole app, boundary included; nothing is opened before its lifespan starts."""
    site = create_site(settings)
    app = create_service_app(
        settings,
        open_resources=partial(open_resources, settings, site),
        render_problem=create_problem_renderer(site.pages),
    )
    # The innermost: what it refuses is rendered, timed and traced like everything else.
    app.user_middleware.append(Middleware(RequestChecks))
    app.router.redirect_slashes = False
    app.router.routes.extend(api_proxy_routes(app))
    app.include_router(page_routes())
    return TrustBoundary(app, app.health, site.cookies, create_refusal_renderer(site.pages))
