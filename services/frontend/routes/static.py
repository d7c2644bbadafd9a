"""Styles, scripts, images of watches and the few files that browsers and robots ask for by a fixed
name. Their compressed form is made once; pages, which may show what a guest has typed beside a
secret, are never compressed here."""

import re

from fastapi import APIRouter, Request
from starlette.responses import Response

from servicekit.problems import NotFound
from services.frontend.assets import Asset, find_watch
from services.frontend.resources import SiteDep

router = APIRouter()

_FOR_EVER = "public, max-age=31536000, immutable"
_A_DAY = "public, max-age=86400"
_ASK_AGAIN = "no-cache"
_REFUSED = re.compile(r"\s*gzip\s*;\s*q\s*=\s*0(\.0*)?\s*", re.ASCII)


@router.get("/static/{name}")
async def send_asset(request: Request, site: SiteDep, name: str) -> Response:
    asset = _require(site.assets.find(name))
    return _send(request, asset, kept=request.url.path == asset.address)


@router.get("/static/watches/{variant}/{face:path}.svg")
async def send_watch(request: Request, variant: str, face: str) -> Response:
    asset = _require(find_watch(variant, face))
    return _send(request, asset, kept=request.url.path.startswith(asset.address))


@router.get("/favicon.svg")
async def send_favicon(request: Request, site: SiteDep) -> Response:
    return _send(request, _require(site.assets.find("favicon.svg")), otherwise=_A_DAY)


@router.get("/robots.txt")
async def send_robots(request: Request, site: SiteDep) -> Response:
    return _send(request, _require(site.assets.find("robots.txt")), otherwise=_A_DAY)


def _require(asset: Asset | None) -> Asset:
    if asset is None:
        raise NotFound("No such file.")
    return asset


def _send(
    request: Request, asset: Asset, *, kept: bool = False, otherwise: str = _ASK_AGAIN
) -> Response:
    headers = {"Cache-Control": _FOR_EVER if kept else otherwise, "Vary": "Accept-Encoding"}
    content = asset.content
    if takes_gzip(request.headers.get("accept-encoding", "")):
        content, headers["Content-Encoding"] = asset.compressed, "gzip"
    return Response(content, media_type=asset.media_type, headers=headers)


def takes_gzip(accept_encoding: str) -> bool:
    """RFC 9110 §12.5.3; `*` alone is not taken for it."""
    parts = accept_encoding.lower().split(",")
    return any(part.split(";")[0].strip() == "gzip" for part in parts) and not any(
        _REFUSED.fullmatch(part) for part in parts
    )
