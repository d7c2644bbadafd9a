"""`python -m benchmarks.hello <port>`: the plain FastAPI application that the gateway is compared
with: one route, no middleware, the same server settings."""

import sys

import uvicorn
from fastapi import FastAPI


async def hello() -> dict[str, str]:
    return {"hello": "world"}


def create_app() -> FastAPI:
    # Its own telemetry would record nothing, as no provider is set, but cost something.
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    app.get("/")(hello)
    return app


if __name__ == "__main__":
    uvicorn.run(
        create_app(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        server_header=False,
        loop="uvloop",
        http="httptools",
    )
