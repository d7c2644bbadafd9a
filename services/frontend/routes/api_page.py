"""`GET /developers`: the API for programs, described for people."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.frontend.resources import GatewayDep, SiteDep

router = APIRouter()


@router.get("/developers")
async def show_api(request: Request, site: SiteDep, gateway: GatewayDep) -> Response:
    description = await gateway.fetch_description()
    return site.pages.render_shared(
        site.pages.context(request.scope),
        "api.html",
        lambda: {"api": description.read()},
        sources=(description.body,),
    )
