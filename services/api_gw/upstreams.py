"""The services behind the gateway, and what is allowed towards each of them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from contracts.telemetry import GATEWAY_RETRIES
from servicekit.http_client.failures import ConnectionFailed
from servicekit.http_proxy.upstream import Upstream, open_upstream
from servicekit.telemetry.metrics import create_counter
from services.api_gw.limits import InFlightLimit, RetryBudget
from services.api_gw.settings import Settings
from services.api_gw.table import Service


@dataclass(frozen=True, slots=True)
class Backend:
    upstream: Upstream
    in_flight: InFlightLimit
    retries: RetryBudget


@asynccontextmanager
async def open_backends(settings: Settings) -> AsyncIterator[Mapping[Service, Backend]]:
    urls = {Service.HTTP: settings.service_http_url, Service.PUBLISHER: settings.publisher_url}
    async with AsyncExitStack() as stack:
        yield {
            service: await stack.enter_async_context(
                _open_backend(service, url, settings.max_in_flight)
            )
            for service, url in urls.items()
        }


@asynccontextmanager
async def _open_backend(service: Service, url: str, limit: int) -> AsyncIterator[Backend]:
    budget = RetryBudget()
    retries = create_counter(GATEWAY_RETRIES)

    def may_repeat(_failure: ConnectionFailed) -> bool:
        if not budget.take():
            return False
        retries.add(1, {"upstream": service})
        return True

    # One connection more than requests, for the readiness check.
    async with open_upstream(url, max_connections=limit + 1, may_repeat=may_repeat) as upstream:
        yield Backend(upstream, InFlightLimit(limit), budget)
