"""A service app with a proxy in front of it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.types import ASGIApp, Receive, Scope, Send

from servicekit.http_server.app import ServiceApp


class WithProxy:
    """What is only passed on goes to `proxy` and does not cross FastAPI; all the rest goes to
    `app`, with which it shares lifespan and probes. `takes` says of an HTTP request which it is.
    """

    def __init__(self, app: ServiceApp, proxy: ASGIApp, takes: Callable[[Scope], bool]) -> None:
        self.health = app.health
        self._app, self._proxy, self._takes = app, proxy, takes

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        return self._app.lifespan()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        passed_on = scope["type"] == "http" and self._takes(scope)
        await (self._proxy if passed_on else self._app)(scope, receive, send)
