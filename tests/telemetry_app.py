"""`python -m tests.telemetry_app`: a service that uses every instrumented library once."""

# First of all, as for every service.
import servicekit  # noqa: F401  # isort: skip

import asyncio
import logging
import sys
from contextlib import AsyncExitStack
from typing import Any, ClassVar

import sqlalchemy
from fastapi import APIRouter, Request
from opentelemetry import trace

from servicekit.database.engine import create_database_engine
from servicekit.http_client.client import open_http_client
from servicekit.http_client.remote_service import open_remote_service
from servicekit.http_server.app import ServiceApp, create_service_app
from servicekit.http_server.serve import serve
from servicekit.redis import create_redis
from servicekit.settings import Port, ServiceSettings
from servicekit.telemetry.metrics import create_histogram
from servicekit.telemetry.tracing import untraced

# Addresses that Python's own sockets connected to: the exporters use them, uvloop does not.
connected: list[str] = []
router = APIRouter()


class Settings(ServiceSettings):
    service_name: ClassVar[str] = "telemetry-app"

    port: Port
    queue_redis_url: str
    database_url: str


@router.get("/included/{name}")
async def included(name: str) -> dict[str, str]:
    return {"name": name}


async def everything(request: Request, name: str) -> dict[str, str]:
    state = request.app.state
    await state.http.get(f"/included/{name}")
    with await state.service.send("GET", f"/included/{name}", []) as answer:
        await answer.read()
    await state.redis.set("secret-key", name)
    await asyncio.to_thread(_query, state.engine)
    with untraced():
        await state.redis.get("polled")
    state.histogram.record(0.5)
    logging.getLogger("shop").info("did %s", "everything", extra={"step": "last"})
    return {"trace_id": trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)}


def _query(engine: sqlalchemy.Engine) -> None:
    with engine.connect() as connection:
        query = sqlalchemy.text("SELECT name FROM sqlite_schema WHERE name = :name")
        connection.execute(query, {"name": "secret-value"})


async def list_connected() -> list[str]:
    return connected


def create_app(settings: Settings) -> ServiceApp:
    async def open_resources(app: ServiceApp, stack: AsyncExitStack) -> None:
        here = f"http://127.0.0.1:{settings.port}"
        app.state.http = await stack.enter_async_context(open_http_client(here))
        app.state.service = await stack.enter_async_context(open_remote_service(here))
        app.state.redis = create_redis(settings.queue_redis_url, timeout_seconds=5)
        stack.push_async_callback(app.state.redis.aclose)
        app.state.engine = create_database_engine(
            settings.database_url, read_only=False, connections=1, statement_seconds=2
        )
        stack.callback(app.state.engine.dispose)
        app.state.histogram = create_histogram(("arloji.test", "s", "A test"), (0.1, 1.0))

    app = create_service_app(settings, open_resources=open_resources)
    app.get("/everything/{name}")(everything)
    app.get("/connected")(list_connected)
    app.include_router(router)
    return app


def note_connections(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        connected.append(str(arguments[1]))


if __name__ == "__main__":
    sys.addaudithook(note_connections)
    serve(create_app, Settings)
