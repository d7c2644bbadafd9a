"""The services behind the gateway, and what is allowed towards each of them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import product

from contracts.route_classes import CLASSES, RouteClass
from contracts.telemetry import (
    GATEWAY_BREAKER,
    GATEWAY_IN_FLIGHT,
    GATEWAY_LIMIT,
    GATEWAY_RETRIES,
    GATEWAY_SHED,
    GATEWAY_WAITING,
    REJECTED,
    REJECTED_REASON,
    ROUTE_CLASS,
)
from servicekit.admission.budget import RetryBudget
from servicekit.admission.control import AdmissionControl, MetricNames
from servicekit.admission.limiter import ConcurrencyLimiter
from servicekit.circuit_breaker import RateBreaker
from servicekit.http_client.second_try import full_jitter
from servicekit.http_proxy.upstream import OutgoingRequest, Upstream, open_upstream
from servicekit.telemetry.metrics import create_counter, observe_gauges
from services.api_gw.settings import Settings
from services.api_gw.table import Service

_METRIC_NAMES = MetricNames(
    GATEWAY_SHED,
    GATEWAY_LIMIT,
    GATEWAY_IN_FLIGHT,
    GATEWAY_WAITING,
    REJECTED,
    REJECTED_REASON,
    ROUTE_CLASS,
)
# Why a request is not passed on, beside what its limiter says.
BREAKER, GUEST_RATE = "breaker", "guest_rate"


@dataclass(frozen=True, slots=True)
class Backend:
    """Without a breaker it is always asked."""

    name: str
    upstream: Upstream
    limiter: ConcurrencyLimiter
    breaker: RateBreaker | None
    retries: RetryBudget


@dataclass(frozen=True)
class Backends:
    control: AdmissionControl
    by_service: Mapping[Service, Backend]


@asynccontextmanager
async def open_backends(settings: Settings) -> AsyncIterator[Backends]:
    urls = {Service.HTTP: settings.service_http_url, Service.PUBLISHER: settings.publisher_url}
    control = AdmissionControl(settings, CLASSES, _METRIC_NAMES)
    for service in urls:
        for kind in CLASSES[service]:
            control.count(service, kind, BREAKER, 0)
    control.count(Service.PUBLISHER, RouteClass.ORDER_PLACEMENT, GUEST_RATE, 0)
    async with AsyncExitStack() as stack:
        by_service = {
            service: await stack.enter_async_context(_open_backend(service, url, settings, control))
            for service, url in urls.items()
        }
        observe_gauges(
            GATEWAY_BREAKER,
            lambda: [
                (float(one.breaker.state), {"upstream": service})
                for service, one in by_service.items()
                if one.breaker is not None
            ],
        )
        yield Backends(control, by_service)


@asynccontextmanager
async def _open_backend(
    service: Service, url: str, settings: Settings, control: AdmissionControl
) -> AsyncIterator[Backend]:
    budget = RetryBudget(settings.retry_share)
    breaker = None
    if settings.admission == "on":
        breaker = RateBreaker(settings.breaker_settings, control.lag.awake)
    retries = create_counter(GATEWAY_RETRIES)

    def note(kind: str, outcome: str, number: int = 1) -> None:
        retries.add(number, {"outcome": outcome, "route": kind, "upstream": service})

    def may_repeat(request: OutgoingRequest) -> bool:
        taken = budget.take()
        note(request.kind, "sent" if taken else "no_budget")
        return taken

    for kind, outcome in product(CLASSES[service], ("sent", "no_budget")):
        note(kind, outcome, 0)

    # One connection more than requests, for the readiness check: what was admitted waits for none.
    async with open_upstream(
        url,
        max_connections=settings.max_in_flight + 1,
        may_repeat=lambda request, _failure: may_repeat(request),
        pause=full_jitter,
    ) as upstream:
        yield Backend(service, upstream, control[service], breaker, budget)
