"""`python -m tests.sample_service`: a service with little in it, for tests of what all share."""

import asyncio
import contextlib
import gc
import logging
import time
from contextlib import AsyncExitStack
from typing import ClassVar

from fastapi import Request
from starlette.responses import JSONResponse, Response

from servicekit.http_server import server as draining
from servicekit.http_server.app import create_service_app
from servicekit.http_server.connection import Limits
from servicekit.http_server.protocol import HttpProtocol
from servicekit.http_server.serve import serve
from servicekit.http_server.service import ServiceApp
from servicekit.settings import Port, ServiceSettings

logger = logging.getLogger("sample")


class Settings(ServiceSettings):
    service_name: ClassVar[str] = "sample"

    port: Port = 8099
    request_timeout_seconds: float = 600
    header_timeout_seconds: float = 10
    max_connection_age_seconds: float = 600
    lingering_close_seconds: float = 10
    write_timeout_seconds: float = 10
    close_seconds: float = 5
    closing_seconds: float = 0
    fail_at: str = ""


async def _echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse(
        {
            "method": request.method,
            "url": str(request.url),
            "headers": list(request.headers.items()),
            "body": body.decode("latin-1"),
            "client": request.client.host if request.client else None,
            "frozen_objects": gc.get_freeze_count(),
        }
    )


async def _ignore_body(_request: Request) -> Response:
    return JSONResponse({"read": 0})


async def _sleep(seconds: float) -> Response:
    logger.debug("about to sleep")
    logger.info("asleep")
    await asyncio.sleep(seconds)
    return JSONResponse({"slept": seconds})


async def _refuse_to_end() -> None:
    logger.info("asleep")
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(600)


async def _block(seconds: float = 600) -> Response:
    logger.info("asleep")
    time.sleep(seconds)  # noqa: ASYNC251 - the mistake that the server must survive
    return JSONResponse({"blocked": seconds})


def create_app(settings: Settings) -> ServiceApp:
    draining._CLOSE_SECONDS = draining._CUT_SECONDS = settings.close_seconds
    HttpProtocol.limits = Limits(
        header_timeout_seconds=settings.header_timeout_seconds,
        max_connection_age_seconds=settings.max_connection_age_seconds,
        lingering_close_seconds=settings.lingering_close_seconds,
        write_timeout_seconds=settings.write_timeout_seconds,
    )
    if settings.fail_at == "create":
        raise RuntimeError("cannot be created")

    async def open_resources(_app: ServiceApp, stack: AsyncExitStack) -> None:
        if settings.fail_at == "open":
            raise RuntimeError("cannot be opened")
        stack.callback(logger.info, "closed")
        stack.push_async_callback(asyncio.sleep, settings.closing_seconds)

    app = create_service_app(settings, open_resources=open_resources)
    app.add_api_route("/echo", _echo, methods=["GET", "POST"])
    app.add_api_route("/ignore-body", _ignore_body, methods=["POST"])
    app.add_api_route("/sleep", _sleep)
    app.add_api_route("/refuse-to-end", _refuse_to_end)
    app.add_api_route("/block", _block)
    return app


if __name__ == "__main__":
    serve(create_app, Settings)
