"""`python -m benchmarks.hello <port> [contrib|own]`: the plain FastAPI application that others are
compared with: one route, no middleware, the same server settings. With a word it has what surrounds
a request in every service, and telemetry that leaves, its SERVER span made by that."""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from starlette.requests import Request

from servicekit.http_server.request import RequestWrapper
from servicekit.telemetry.server_spans import ServerTelemetry, name_route
from servicekit.telemetry.setup import configure_telemetry

TIMEOUT = {"timeout_seconds": 5}


async def hello(request: Request) -> dict[str, str]:
    return {"hello": "world"}


async def named_hello(request: Request) -> dict[str, str]:
    name_route(request.scope, "/")
    return {"hello": "world"}


def create_app(telemetry: str = "") -> Any:
    # Its own telemetry would record everything a second time.
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    app.get("/")(named_hello if telemetry == "own" else hello)
    if not telemetry:
        return app
    configure_telemetry("hello", port=int(sys.argv[1]))
    if telemetry == "own":
        return RequestWrapper(app, **TIMEOUT, telemetry=ServerTelemetry())
    app.add_middleware(RequestWrapper, **TIMEOUT)
    FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])
    return app


if __name__ == "__main__":
    uvicorn.run(
        create_app(*sys.argv[2:]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        server_header=False,
        loop="uvloop",
        http="httptools",
    )
