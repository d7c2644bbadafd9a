"""`serve()` runs a service as a process: the only place with side effects."""

import logging
import os
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar, cast

import uvicorn
from uvicorn._types import ASGI3Application

from servicekit.http_server.connection import affordable_connections
from servicekit.http_server.crowd import Crowd
from servicekit.http_server.protocol import HttpProtocol
from servicekit.http_server.server import CannotListen, DrainingServer
from servicekit.http_server.service import ServedApp
from servicekit.settings import InvalidSettings, ServiceSettings, read_settings
from servicekit.telemetry.logs import configure_logging
from servicekit.telemetry.setup import configure_telemetry
from servicekit.telemetry.shutdown import Telemetry

logger = logging.getLogger(__name__)

S = TypeVar("S", bound=ServiceSettings)

# Exit codes.
FAILED = 1
INVALID_SETTINGS = 2


def serve(create_app: Callable[[S], ServedApp], settings_class: type[S]) -> NoReturn:
    """Run until SIGTERM or SIGINT, then stop in order and exit with 0.

    At the first signal: not ready, `Connection: close` on every answer, and new connections for
    `drain_seconds` more. Then what is in flight may take `shutdown_seconds`, the lifespan closes
    what it opened, and telemetry is flushed last. More signals only cut the draining short, as a
    terminal and a launcher may both send one.
    """
    settings = _read_settings(settings_class)
    configure_logging(settings.service_name, settings.log_level)
    telemetry = configure_telemetry(settings.service_name, port=settings.port)
    server: DrainingServer | None = None
    exit_code = 0
    try:
        server = _create_server(create_app(settings), settings, telemetry)
        server.run_until_stopped()
    except CannotListen as error:
        logger.critical("not started: cannot listen %s", error)
        exit_code = FAILED
    except Exception as error:
        running = server is not None and server.started
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        logger.critical("%s: %s", "failed" if running else "not started", what, exc_info=True)
        exit_code = FAILED
    telemetry.shutdown()
    if server is not None and server.has_leftovers:
        _exit_now(exit_code)
    sys.exit(exit_code)


def _read_settings(settings_class: type[S]) -> S:
    """Each wrong one is a line on stderr, with its name and never with its value."""
    try:
        return read_settings(settings_class)
    except InvalidSettings as error:
        for line in error.lines:
            sys.stderr.write(f"{settings_class.service_name}: {line}\n")
        sys.exit(INVALID_SETTINGS)


def _create_server(
    app: ServedApp, settings: ServiceSettings, telemetry: Telemetry
) -> DrainingServer:
    def exit_stuck() -> None:
        logger.critical("stopped by force: a handler blocks the event loop")
        telemetry.shutdown()
        _exit_now(FAILED)

    HttpProtocol.crowd = Crowd(affordable_connections(settings.max_connections))
    config = uvicorn.Config(
        cast(ASGI3Application, app),
        host=settings.host,
        port=settings.port,
        http=HttpProtocol,
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # Longer than every client's pool keeps a connection (nginx 30 s, our own 20 s).
        timeout_keep_alive=75,
        # Else a pipelined request would find the context, and the trace, of the one before.
        reset_contextvars=True,
    )
    return DrainingServer(app, config, settings, on_stuck=exit_stuck)


def _exit_now(exit_code: int) -> NoReturn:
    """At once, whatever threads still run."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)
