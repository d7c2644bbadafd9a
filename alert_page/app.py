"""The page as an app: what fires, what was delivered, what to do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from alert_page import runbooks
from alert_page.alerts import AWAY, WATCHDOG, Delivered, fetch_firing
from alert_page.settings import Settings
from alert_page.watch import Watch
from servicekit.http_client.client import open_http_client
from servicekit.http_server.app import ServiceApp, create_service_app

_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

router = APIRouter()


def create_app(settings: Settings) -> ServiceApp:
    app = create_service_app(
        settings, open_resources=partial(_open_resources, settings), inner=True
    )
    app.include_router(router)
    return app


async def _open_resources(settings: Settings, app: ServiceApp, stack: AsyncExitStack) -> None:
    client = await stack.enter_async_context(open_http_client(settings.alertmanager_url))
    delivered = Delivered()
    watch = Watch(settings, client, delivered)
    app.state.settings, app.state.delivered = settings, delivered
    app.state.watch, app.state.alertmanager = watch, client
    await stack.enter_async_context(_running(watch))


@asynccontextmanager
async def _running(watch: Watch) -> AsyncIterator[None]:
    task = asyncio.create_task(watch.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@router.post("/delivered", status_code=204)
async def take(request: Request, notification: dict[str, Any]) -> None:
    """Alertmanager's webhook."""
    request.app.state.delivered.take(notification)


@router.get("/")
async def show(request: Request) -> Response:
    state = request.app.state
    try:
        firing, unreachable = await fetch_firing(state.alertmanager), ""
    except AWAY as error:
        firing, unreachable = [], type(error).__name__
    shown = [one for one in firing if one.name != WATCHDOG]
    page = _templates.get_template("page.html").render(
        firing=shown,
        runbooks={
            place: runbooks.section(state.settings.runbooks_directory, place)
            for place in (one.annotations.get("runbook_url", "") for one in shown)
        },
        unreachable=unreachable,
        broken=state.watch.broken(),
        delivered=state.delivered.alerts,
    )
    return HTMLResponse(page, headers=_SECURITY)
