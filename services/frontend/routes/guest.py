"""`POST /forget`: makes this browser a stranger again."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from services.frontend.resources import SiteDep

router = APIRouter()


@router.post("/forget")
async def forget_guest(site: SiteDep) -> Response:
    response = RedirectResponse("/", 303)
    site.cookies.forget_guest(response)
    return response
