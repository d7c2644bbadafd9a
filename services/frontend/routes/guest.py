"""`POST /forget`: makes this browser a stranger again."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from services.frontend.shop import shop_of

router = APIRouter()


@router.post("/forget")
async def forget_guest(request: Request) -> Response:
    response = RedirectResponse("/", 303)
    for cookie in shop_of(request).cookies.forget():
        response.headers.append("Set-Cookie", cookie)
    return response
