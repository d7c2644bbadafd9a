"""`python -m benchmarks.cached_product`: a service of the shop's kind, whose only answer is one
product that it has in memory: what service-http would cost if it asked no Redis."""

from contextlib import AsyncExitStack
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.upstream import BODY
from servicekit.http_server.serve import serve
from servicekit.http_server.service import ServiceApp, create_plain_app
from servicekit.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    service_name: ClassVar[str] = "cached-product"

    port: Port


async def product(_request: Request) -> Response:
    return Response(BODY, media_type="application/json", headers={"Cache-Control": "no-cache"})


async def open_nothing(_app: ServiceApp, _stack: AsyncExitStack) -> None:
    pass


def create_app(settings: Settings) -> ServiceApp:
    app = create_plain_app(settings, open_resources=open_nothing)
    app.router.routes.append(Route("/api/products/{product_id}", product))
    return app


if __name__ == "__main__":
    serve(create_app, Settings)
