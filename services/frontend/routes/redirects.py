"""Addresses that lead to others, permanently, yet not kept by browsers."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

router = APIRouter()


@router.get("/products")
@router.get("/products/")
async def redirect_to_catalogue(request: Request) -> Response:
    return redirect_permanently("/", request)


@router.get("/cart/")
@router.get("/orders/")
@router.get("/orders/{_name}/")
@router.get("/products/{_name}/")
async def drop_last_slash(request: Request) -> Response:
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    return redirect_permanently("/" + path.decode("latin-1").strip("/"), request)


def redirect_permanently(path: str, request: Request) -> Response:
    """308 with the query kept. Without a lifetime browsers keep it for good, and once a product
    is called as it was before, two of them lead to each other."""
    query = request.url.query
    address = f"{path}?{query}" if query else path
    return RedirectResponse(address, 308, headers={"Cache-Control": "private, max-age=0"})
