"""Apps under test, without a process of their own: by calls, or on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import uvicorn
from starlette.types import ASGIApp

from servicekit.http_server.service import ServedApp

_PATIENCE_SECONDS = 30


@asynccontextmanager
async def running(app: ServedApp) -> AsyncIterator[httpx.AsyncClient]:
    """A client that calls `app`, while what it needs is open."""
    async with app.lifespan(), calling(app) as client:
        yield client


@asynccontextmanager
async def served(
    app: ASGIApp, *, http: type[asyncio.Protocol] | str = "httptools"
) -> AsyncIterator[str]:
    """The URL of a real server in the test's own loop; `http` is the protocol class it uses."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=http, ws="none", lifespan="on", log_config=None)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not server.started and not task.done():
                await asyncio.sleep(0.005)
        assert server.started, "the app did not start"
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, _PATIENCE_SECONDS)
        listener.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the test run."""
        yield


@asynccontextmanager
async def calling(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """A client that calls `app`, whose lifespan somebody else runs."""
    async with httpx.AsyncClient(
        transport=_OwnTask(app=app), base_url="http://localhost"
    ) as client:
        yield client


class _OwnTask(httpx.ASGITransport):
    """Each request in a task of its own, as on a server: what it sets in its context, its
    deadline for one, does not reach the test."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await asyncio.create_task(super().handle_async_request(request))
