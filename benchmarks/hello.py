"""`python -m benchmarks.hello <port> [contrib|own]`: the plain FastAPI application that others are
compared with: one route, no middleware, the same server settings. With a word it has what surrounds
a request in every service, and telemetry that leaves, its SERVER span made by that."""

import sys

import uvicorn
from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

from servicekit.http_server.request import RequestWrapper
from servicekit.telemetry.server_spans import ServerTelemetry
from servicekit.telemetry.setup import configure_telemetry


async def hello() -> dict[str, str]:
    return {"hello": "world"}


def create_app(telemetry: str = "") -> FastAPI:
    # Its own telemetry would record everything a second time.
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    app.get("/")(hello)
    if not telemetry:
        return app
    configure_telemetry("hello", port=int(sys.argv[1]))
    own = telemetry == "own"
    app.add_middleware(
        RequestWrapper, timeout_seconds=5, telemetry=ServerTelemetry() if own else None
    )
    if not own:
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
