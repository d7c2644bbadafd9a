"""What happens to a request that the table knows: limits, then one service, then its answer."""

import math
import time
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from starlette.types import Receive, Scope, Send

from contracts.headers import GUEST
from contracts.identifiers import parse_uuid
from contracts.route_classes import RouteClass
from contracts.telemetry import ROUTE_CLASS
from servicekit.admission.arrival import arrival_of
from servicekit.admission.limiter import Rejected
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
    Problem,
    ServiceUnavailable,
    TooManyRequests,
)
from servicekit.telemetry.server_spans import describe
from services.api_gw.limits import GuestRate
from services.api_gw.table import Route, Service
from services.api_gw.upstreams import BREAKER, GUEST_RATE, Backend, Backends

_GUEST_FIELD = GUEST.lower().encode("ascii")
_PROBLEM = MEDIA_TYPE.encode("ascii")
# A service that says so is alive. To leave it alone because it rejects some would reject all,
# and 504 is told by how long it took.
_DELIBERATE = frozenset({503, 504})


class Gateway:
    def __init__(self, backends: Backends, order_rate: GuestRate) -> None:
        self._control, self._backends = backends.control, backends.by_service
        self._order_rate = order_rate

    async def forward(
        self,
        route: Route,
        target: str,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer with what the route's service answers to `target`, or raise the problem that keeps
        it from that."""
        kind = _class_of(route, scope)
        describe(scope, ROUTE_CLASS, kind)
        guest = _guest_of(scope)
        if kind is RouteClass.ORDER_PLACEMENT and guest:
            self._require_order_rate(guest.guest_id)
        # Before it is admitted: who sends slowly keeps none from others.
        body = await read_body(scope, receive, route.body_limit_bytes)
        if body is None:
            return  # the client has left
        backend = self._backends[route.service]
        if backend.breaker is not None and backend.breaker.is_open:
            raise self._control.reject(backend.name, kind, BREAKER)
        of_class = backend.limiter.classes[kind]
        try:
            if not backend.limiter.try_acquire(of_class):
                await backend.limiter.wait(of_class, arrival_of(scope))
        except Rejected as rejected:
            raise self._control.reject(backend.name, kind, rejected.reason) from None
        request = _outgoing(route, kind, target, scope, guest, body)
        taken: float | None = None
        try:
            began = time.monotonic()
            try:
                answer = await self._ask(backend, request)
            finally:
                taken = time.monotonic() - began
            await relay(answer, send)
        finally:
            backend.limiter.release(of_class, taken)

    async def _ask(self, backend: Backend, request: OutgoingRequest) -> Answer:
        """The answer, unless it is a failure; the breaker learns from it."""
        backend.retries.count_request()
        breaker = backend.breaker
        if breaker is None:
            answer = await backend.upstream.send(request)
        elif (call := breaker.begin()) is None:
            raise self._control.reject(backend.name, request.kind, BREAKER)
        else:
            try:
                answer = await backend.upstream.send(request)
            except BaseException as error:
                if isinstance(error, Problem) and not isinstance(error, DeadlinePassed):
                    breaker.end(call, failed=True)
                else:  # its time was over, which was perhaps too short, or nobody waits any more
                    breaker.drop(call)
                raise
            breaker.end(call, failed=answer.status >= 500 and answer.status not in _DELIBERATE)
        if answer.status == 503:
            backend.limiter.limit.note_refusal()
        _refuse_failure(answer)
        return answer

    def _require_order_rate(self, guest_id: UUID) -> None:
        if seconds := self._order_rate.seconds_to_wait(guest_id):
            self._control.reject(Service.PUBLISHER, RouteClass.ORDER_PLACEMENT, GUEST_RATE)
            raise TooManyRequests(
                "Too many orders from one guest.",
                headers={"Retry-After": str(math.ceil(seconds))},
            )


def _class_of(route: Route, scope: Scope) -> RouteClass:
    """Carts look their watches up by id, which is one step before an order."""
    query: bytes = scope["query_string"]
    looks_up = route.route_class is RouteClass.LIST and query.startswith(b"ids=")
    return RouteClass.PRODUCT if looks_up else route.route_class


def _outgoing(
    route: Route,
    kind: RouteClass,
    target: str,
    scope: Scope,
    guest: "_Guest | None",
    body: bytes,
) -> OutgoingRequest:
    headers = end_to_end_headers(scope, via=b"api-gw")
    if guest:
        headers.append((_GUEST_FIELD, guest.name))
    if route.takes_query:
        target += encoded_query(scope)
    return OutgoingRequest(
        route.method, target, headers, b"" if route.method in SAFE_METHODS else body, kind
    )


class _Guest(NamedTuple):
    guest_id: UUID
    # As it is passed on.
    name: bytes


def _guest_of(scope: Scope) -> _Guest | None:
    """The guest that the frontend names; nobody if it is not one well-formed name."""
    values = [value for name, value in scope["headers"] if name == _GUEST_FIELD]
    return _guest_named(values[0]) if len(values) == 1 else None


@lru_cache(maxsize=4096)
def _guest_named(value: bytes) -> _Guest | None:
    """A guest comes again and again."""
    guest_id = parse_uuid(value.decode("latin-1"))
    return None if guest_id is None else _Guest(guest_id, str(guest_id).encode("ascii"))


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
