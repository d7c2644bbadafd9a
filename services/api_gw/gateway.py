"""What happens to a request that the table knows: limits, then one service, then its answer."""

import math
from collections.abc import Iterable, Mapping
from uuid import UUID

from opentelemetry import trace
from starlette.types import Receive, Scope, Send

from contracts.headers import GUEST
from contracts.identifiers import parse_uuid
from contracts.telemetry import GATEWAY_IN_FLIGHT, GATEWAY_SHED, ROUTE_CLASS
from servicekit.deadline import within
from servicekit.http_client.answer import Answer
from servicekit.http_client.second_try import SAFE_METHODS
from servicekit.http_proxy.forwarding import encoded_query, relay
from servicekit.http_proxy.headers import end_to_end_headers
from servicekit.http_proxy.upstream import OutgoingRequest
from servicekit.http_server.body import read_body
from servicekit.problems import (
    MEDIA_TYPE,
    BadGateway,
    DeadlinePassed,
    ServiceUnavailable,
    TooManyRequests,
)
from servicekit.telemetry.metrics import create_counter, observe_gauges
from services.api_gw.limits import GuestRate, TooManyInFlight
from services.api_gw.table import Route, RouteClass, Service
from services.api_gw.upstreams import Backend

_GUEST_FIELD = GUEST.lower().encode("ascii")
_PROBLEM = MEDIA_TYPE.encode("ascii")


class Gateway:
    def __init__(self, backends: Mapping[Service, Backend], order_rate: GuestRate) -> None:
        self._backends, self._order_rate = backends, order_rate
        self._shed = create_counter(GATEWAY_SHED)
        observe_gauges(GATEWAY_IN_FLIGHT, self._read_in_flight)

    async def forward(
        self,
        route: Route,
        parameters: Mapping[str, str],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer with what the route's service answers, or raise the problem that keeps it from
        that."""
        trace.get_current_span().set_attribute(ROUTE_CLASS, route.route_class)
        guest_id = _guest_of(scope)
        if route.route_class is RouteClass.ORDER_PLACEMENT and guest_id:
            self._require_order_rate(guest_id)
        body = await read_body(scope, receive, route.body_limit_bytes)
        if body is None:
            return  # the client has left
        backend = self._backends[route.service]
        backend.retries.count_request()
        request = _outgoing(route, parameters, scope, guest_id, body)
        try:
            with backend.in_flight:
                async with within(route.timeout_seconds):
                    answer = await backend.upstream.send(request)
                    _refuse_failure(answer)
                    await relay(answer, send)
        except TooManyInFlight:
            self._shed.add(1, {"reason": "in_flight", "route": route.route_class})
            raise ServiceUnavailable("Too many requests are under way.") from None

    def _require_order_rate(self, guest_id: UUID) -> None:
        if seconds := self._order_rate.seconds_to_wait(guest_id):
            route = RouteClass.ORDER_PLACEMENT
            self._shed.add(1, {"reason": "guest_rate", "route": route})
            raise TooManyRequests(
                "Too many orders from one guest.",
                headers={"Retry-After": str(math.ceil(seconds))},
            )

    def _read_in_flight(self) -> Iterable[tuple[float, Mapping[str, str]]]:
        return [
            (backend.in_flight.count, {"upstream": service})
            for service, backend in self._backends.items()
        ]


def _outgoing(
    route: Route, parameters: Mapping[str, str], scope: Scope, guest_id: UUID | None, body: bytes
) -> OutgoingRequest:
    headers = end_to_end_headers(scope, via="api-gw")
    if guest_id:
        headers.append((_GUEST_FIELD, str(guest_id).encode("ascii")))
    target = route.target(parameters)
    if route.takes_query:
        target += encoded_query(scope)
    return OutgoingRequest(
        route.method, target, headers, b"" if route.method in SAFE_METHODS else body
    )


def _guest_of(scope: Scope) -> UUID | None:
    """The guest that the frontend names; nobody if it is not one well-formed name."""
    values = [value for name, value in scope["headers"] if name == _GUEST_FIELD]
    return parse_uuid(values[0].decode("latin-1")) if len(values) == 1 else None


def _refuse_failure(answer: Answer) -> None:
    """A problem that the service describes itself is passed on. Anything else that is its fault,
    an unexpected error included, becomes a problem of this hop."""
    status = answer.status
    if status < 500 or (status != 500 and answer.header(b"content-type") == _PROBLEM):
        return
    answer.close()
    if status == 503:
        raise ServiceUnavailable("The service behind this one is not able now.")
    if status == 504:
        raise DeadlinePassed("The service behind this one took too long.")
    raise BadGateway("The service behind this one failed.")
