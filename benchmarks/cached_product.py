"""`python -m benchmarks.cached_product`: a service of the shop's kind, whose only answer is one
product that it has in memory: what service-http would cost if it asked no Redis."""

from contextlib import AsyncExitStack
from typing import ClassVar

from fastapi import APIRouter
from starlette.responses import Response

from benchmarks.upstream import BODY
from servicekit.http_server.app import ServiceApp, create_service_app
from servicekit.http_server.serve import serve
from servicekit.settings import Port, ServiceSettings

router = APIRouter()


class Settings(ServiceSettings):
    service_name: ClassVar[str] = "cached-product"

    port: Port


@router.get("/api/products/{product_id}")
async def product(product_id: int) -> Response:
    return Response(BODY, media_type="application/json", headers={"Cache-Control": "no-cache"})


async def open_nothing(_app: ServiceApp, _stack: AsyncExitStack) -> None:
    pass


def create_app(settings: Settings) -> ServiceApp:
    app = create_service_app(settings, open_resources=open_nothing, inner=True)
    app.include_router(router)
    return app


if __name__ == "__main__":
    serve(create_app, Settings)
