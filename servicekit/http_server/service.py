"""The app that every service starts from: problems, probes, deadline, tracing. Services that route
by FastAPI begin with `app.py`; the others need not load it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol

from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from servicekit.admission.lag import watched_loop
from servicekit.http_server.allowed_hosts import hosts_of_inner
from servicekit.http_server.health import Health, health_routes
from servicekit.http_server.problem_handlers import install_problem_handlers
from servicekit.http_server.request import RequestWrapper
from servicekit.problems import ProblemRenderer, problem_response
from servicekit.settings import ServiceSettings
from servicekit.telemetry.server_spans import ServerTelemetry


class ServedApp(Protocol):
    """An ASGI app, what it opens while it is served, and the state that its probes show."""

    health: Health

    def lifespan(self) -> AbstractAsyncContextManager[None]: ...
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class ServiceApp(Starlette):
    """An app whose `health` the server drains before it stops."""

    health: Health

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        # Else Starlette would build it with the first request, and fail then.
        self.middleware_stack = self.middleware_stack or self.build_middleware_stack()
        async with self.router.lifespan_context(self):
            yield


# Opens what the service needs, on a stack that closes it in reverse order.
OpenResources = Callable[[ServiceApp, AsyncExitStack], Awaitable[None]]


async def warm_up(app: ServedApp) -> None:
    """Send a request all the way through: what is made by the first one is there before it."""
    headers = [(b"host", b"127.0.0.1")]
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET"},
        **{"scheme": "http", "path": "/healthz", "raw_path": b"/healthz", "query_string": b""},
        **{"root_path": "", "headers": headers, "client": None, "server": ("127.0.0.1", 80)},
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Message) -> None:
        pass

    await app(scope, receive, send)


def create_plain_app(settings: ServiceSettings, *, open_resources: OpenResources) -> ServiceApp:
    """An inner service (`equip` says what that is) that answers probes and what is added to its
    router, which names its own route to telemetry."""
    health = Health()
    app = ServiceApp(lifespan=lifespan_of(open_resources, health))
    equip(app, settings, health, inner=True, telemetry=ServerTelemetry())
    return app


def lifespan_of(
    open_resources: OpenResources, health: Health
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """Opens what the service needs, then looks after its dependencies."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        assert isinstance(app, ServiceApp)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(watched_loop())
            await open_resources(app, stack)
            await stack.enter_async_context(health.monitored())
            yield

    return lifespan


def equip(
    app: ServiceApp,
    settings: ServiceSettings,
    health: Health,
    *,
    render_problem: ProblemRenderer = problem_response,
    inner: bool = False,
    telemetry: ServerTelemetry | None = None,
) -> None:
    """Give it probes, problems and the wrapper around each request.

    An `inner` service is for the services of the shop: where it listens on loopback, it answers
    to the names of loopback only. Elsewhere, in containers, the networks keep others out, and it is
    reached by whatever name its clients, or `kubectl port-forward`, use.
    """
    app.health = health
    app.router.routes.extend(health_routes(health))
    install_problem_handlers(app, render_problem)
    app.add_middleware(
        RequestWrapper,
        timeout_seconds=settings.request_timeout_seconds,
        render=render_problem,
        hosts=hosts_of_inner(settings.host) if inner else (),
        telemetry=telemetry,
    )
