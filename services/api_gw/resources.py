"""What the gateway opens: its connections to the services behind it."""

from contextlib import AsyncExitStack

from servicekit.http_server.service import ServiceApp
from services.api_gw.gateway import Gateway
from services.api_gw.limits import GuestRate
from services.api_gw.routes import TableApp
from services.api_gw.settings import Settings
from services.api_gw.upstreams import open_backends


async def open_resources(
    settings: Settings, table: TableApp, app: ServiceApp, stack: AsyncExitStack
) -> None:
    backends = await stack.enter_async_context(open_backends(settings))
    for service, backend in backends.by_service.items():
        app.health.add(service, backend.upstream.check_alive)
    table.gateway = Gateway(backends, GuestRate(settings.guest_order_rate))
