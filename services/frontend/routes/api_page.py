"""`GET /developers`: the API for programs, described for people."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.frontend.shop import gateway_of, shop_of

router = APIRouter()


@router.get("/developers")
async def show_api(request: Request) -> Response:
    shop = shop_of(request)
    description = await gateway_of(request).fetch_description()
    visit = shop.pages.visit(request.scope)
    return shop.pages.render(visit, "api.html", api=description)
