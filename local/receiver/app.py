"""The receiver as an ASGI application."""

from collections.abc import Iterable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from local.receiver.api import Api
from local.receiver.ingest import Ingest
from local.receiver.pages import FOLDER, Pages
from local.receiver.security_headers import SecurityHeaders, misdirected_request
from local.receiver.store import Limits, Store
from servicekit.http_server.allowed_hosts import AllowedHostsMiddleware


def create_app(limits: Limits | None = None, allowed_hosts: Iterable[str] = ()) -> Starlette:
    """`allowed_hosts` are answered besides the loopback names."""
    store = Store(limits or Limits())
    pages = Pages(store)

    async def show_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if request.url.path.startswith(("/api/", "/v1/")):
            return _problem(request, error)
        title = HTTPStatus(error.status_code).phrase
        page = pages.render(
            "error.html", error.status_code, section="", title=title, detail=error.detail
        )
        page.headers.update(error.headers or {})
        return page

    return Starlette(
        routes=[
            *Ingest(store).routes(),
            *Api(store).routes(),
            *pages.routes(),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(
                AllowedHostsMiddleware, refuse=misdirected_request, allowed=tuple(allowed_hosts)
            ),
        ],
        exception_handlers={HTTPException: show_error},
    )


def _problem(request: Request, error: HTTPException) -> Response:
    """RFC 9457; a type of its own would say no more than the status does."""
    return JSONResponse(
        {
            "type": "about:blank",
            "title": HTTPStatus(error.status_code).phrase,
            "status": error.status_code,
            "detail": error.detail,
            "instance": request.url.path,
        },
        error.status_code,
        headers=error.headers,
        media_type="application/problem+json",
    )
