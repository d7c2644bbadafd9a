"""Builds the frontend: the trust boundary around pages and the API proxy."""

from functools import partial

from starlette.middleware import Middleware

from servicekit.http_proxy.with_proxy import WithProxy
from servicekit.http_server.app import create_service_app
from servicekit.http_server.request import RequestWrapper
from servicekit.telemetry.server_spans import ServerTelemetry
from services.frontend.admission import FrontAdmission
from services.frontend.api_proxy import ApiProxy
from services.frontend.errors import create_problem_renderer, create_refusal_renderer
from services.frontend.rejections import Rejections
from services.frontend.request_checks import RequestChecks
from services.frontend.resources import create_site, open_resources
from services.frontend.routes import page_routes
from services.frontend.security_headers import security_headers
from services.frontend.settings import Settings
from services.frontend.trust_boundary import TrustBoundary


def create_app(settings: Settings) -> TrustBoundary:
    """The whole app, boundary included; nothing is opened before its lifespan starts."""
    site = create_site(settings)
    app = create_service_app(
        settings,
        open_resources=partial(open_resources, settings, site),
        render_problem=create_problem_renderer(site.pages),
        own_spans=True,
    )
    # The innermost: what it refuses is rendered, timed and traced like everything else.
    app.user_middleware.append(Middleware(RequestChecks))
    app.router.redirect_slashes = False
    app.router.routes.extend(page_routes())
    api = ApiProxy(upstream_of=lambda scope: app.state.upstreams.of(scope))
    proxy = RequestWrapper(
        api, timeout_seconds=settings.request_timeout_seconds, telemetry=ServerTelemetry()
    )
    headers = security_headers(secure=settings.cookie_secure)
    rejections = Rejections(site.pages, site.cookies.language, headers)
    admission = FrontAdmission(lambda: app.state.admission, rejections)
    return TrustBoundary(
        WithProxy(app, proxy, api.takes),
        app.health,
        site.cookies,
        create_refusal_renderer(site.pages),
        admission,
    )
