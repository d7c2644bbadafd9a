"""Styles, scripts and the few files that browsers and robots ask for by a fixed name."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from servicekit.problems import NotFound
from services.frontend.assets import Assets
from services.frontend.resources import SiteDep

router = APIRouter()

_FOR_EVER = "public, max-age=31536000, immutable"
_A_DAY = "public, max-age=86400"
_ASK_AGAIN = "no-cache"


@router.get("/static/{name}")
async def send_asset(request: Request, site: SiteDep, name: str) -> Response:
    return _send(site.assets, request.url.path, name, _ASK_AGAIN)


@router.get("/favicon.svg")
async def send_favicon(request: Request, site: SiteDep) -> Response:
    return _send(site.assets, request.url.path, "favicon.svg", _A_DAY)


@router.get("/robots.txt")
async def send_robots(request: Request, site: SiteDep) -> Response:
    return _send(site.assets, request.url.path, "robots.txt", _A_DAY)


def _send(assets: Assets, path: str, name: str, cache_control: str) -> Response:
    asset = assets.find(name)
    if asset is None:
        raise NotFound("No such file.")
    if path == asset.address:
        cache_control = _FOR_EVER
    return Response(
        asset.content, media_type=asset.media_type, headers={"Cache-Control": cache_control}
    )
