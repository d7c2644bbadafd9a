"""Styles, scripts and the few files that browsers and robots ask for by a fixed name."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from servicekit.problems import NotFound
from services.frontend.shop import shop_of

router = APIRouter()

_FOR_EVER = "public, max-age=31536000, immutable"
_A_DAY = "public, max-age=86400"
_ASK_AGAIN = "no-cache"


@router.get("/static/{name}")
async def send_asset(request: Request, name: str) -> Response:
    return _send(request, name, _ASK_AGAIN)


@router.get("/favicon.svg")
async def send_favicon(request: Request) -> Response:
    return _send(request, "favicon.svg", _A_DAY)


@router.get("/robots.txt")
async def send_robots(request: Request) -> Response:
    return _send(request, "robots.txt", _A_DAY)


def _send(request: Request, name: str, cache_control: str) -> Response:
    asset = shop_of(request).assets.find(name)
    if asset is None:
        raise NotFound("No such file.")
    if request.url.path == asset.address:
        cache_control = _FOR_EVER
    return Response(
        asset.content, media_type=asset.media_type, headers={"Cache-Control": cache_control}
    )
