"""The FastAPI app that every service starts from: problems, probes, deadline, tracing."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from servicekit.http_server.allowed_hosts import hosts_of_inner
from servicekit.http_server.health import Health, health_routes
from servicekit.http_server.problem_handlers import install_problem_handlers
from servicekit.http_server.request import RequestWrapper
from servicekit.problems import ProblemRenderer, problem_response
from servicekit.settings import ServiceSettings
from servicekit.telemetry.server_spans import ServerTelemetry

_PROBES = r"^https?://[^/]+/(healthz|readyz)$"


class ServedApp(Protocol):
    """An ASGI app, what it opens while it is served, and the state that its probes show."""

    health: Health

    def lifespan(self) -> AbstractAsyncContextManager[None]: ...
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class ServiceApp(FastAPI):
    """A FastAPI app whose `health` the server drains before it stops."""

    health: Health

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        # Else Starlette would build it with the first request, and fail then.
        self.middleware_stack = self.middleware_stack or self.build_middleware_stack()
        async with self.router.lifespan_context(self):
            yield


# Opens what the service needs, on a stack that closes it in reverse order.
OpenResources = Callable[[ServiceApp, AsyncExitStack], Awaitable[None]]


def create_service_app(
    settings: ServiceSettings,
    *,
    open_resources: OpenResources,
    render_problem: ProblemRenderer = problem_response,
    inner: bool = False,
    own_spans: bool = False,
) -> ServiceApp:
    """Build the app; nothing is opened before its lifespan starts.

    `open_resources` adds its dependencies to `app.health` and puts what handlers need on
    `app.state`. A dependency that is down must not keep it from returning: the service then
    starts, and reports that it is not ready.

    An `inner` service is for the services of the shop: where it listens on loopback, it answers
    to the names of loopback only. Elsewhere, in containers, the networks keep others out, and it is
    reached by whatever name its clients, or `kubectl port-forward`, use.

    With `own_spans` SERVER spans and their metrics are those of `server_spans.py`, else those of
    the FastAPI instrumentation: the same, for more (decision 50).
    """
    health = Health()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        assert isinstance(app, ServiceApp)
        async with AsyncExitStack() as stack:
            await open_resources(app, stack)
            await stack.enter_async_context(health.monitored())
            yield

    app = ServiceApp(
        lifespan=lifespan,
        # The API is described once, by the gateway.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # FastAPI's own telemetry would record everything a second time.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.health = health
    app.include_router(health_routes(health))
    install_problem_handlers(app, render_problem)
    app.add_middleware(
        RequestWrapper,
        telemetry=ServerTelemetry() if own_spans else None,
        timeout_seconds=settings.request_timeout_seconds,
        render=render_problem,
        hosts=hosts_of_inner(settings.host) if inner else (),
    )
    if not own_spans:
        _instrument(app)
    return app


def _instrument(app: FastAPI) -> None:
    # It takes a fifth of a second to import.
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(
        app, excluded_urls=_PROBES, exclude_spans=["receive", "send"]
    )
