"""The FastAPI app of the services that route by it."""

from starlette.requests import Request
from starlette.responses import Response

from servicekit.http_server.health import Health
from servicekit.http_server.service import OpenResources, ServiceApp, equip, lifespan_of
from servicekit.problems import ProblemRenderer, invalid, problem_response
from servicekit.quick_start import models_built_when_used
from servicekit.settings import ServiceSettings
from servicekit.telemetry.server_spans import ServerTelemetry

with models_built_when_used():
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError

_PROBES = r"^https?://[^/]+/(healthz|readyz)$"


class ApiApp(ServiceApp, FastAPI):
    """A `ServiceApp` with FastAPI's routes."""


def create_service_app(
    settings: ServiceSettings,
    *,
    open_resources: OpenResources,
    render_problem: ProblemRenderer = problem_response,
    inner: bool = False,
    own_spans: bool = False,
) -> ApiApp:
    """Build the app; nothing is opened before its lifespan starts.

    `open_resources` adds its dependencies to `app.health` and puts what handlers need on
    `app.state`. A dependency that is down must not keep it from returning: the service then
    starts, and reports that it is not ready. `equip` says what `inner` means.

    With `own_spans` SERVER spans and their metrics are those of `server_spans.py`, else those of
    the FastAPI instrumentation: the same, for more (decision 50).
    """
    health = Health()
    app = ApiApp(
        lifespan=lifespan_of(open_resources, health),
        # The API is described once, by the gateway.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # FastAPI's own telemetry would record everything a second time.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    telemetry = ServerTelemetry() if own_spans else None
    equip(app, settings, health, render_problem=render_problem, inner=inner, telemetry=telemetry)

    async def render_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        problem = invalid(error, "A parameter is not valid; see `errors`.")
        return render_problem(request.scope, problem)

    app.add_exception_handler(RequestValidationError, render_invalid)
    if telemetry is None:
        _instrument(app)
    return app


def _instrument(app: FastAPI) -> None:
    # It takes a fifth of a second to import.
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(
        app, excluded_urls=_PROBES, exclude_spans=["receive", "send"]
    )
