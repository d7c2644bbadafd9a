"""The one service that requests are passed on to, and the one second try."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from servicekit.deadline import TIMEOUT_HEADER, remaining_seconds, require_time
from servicekit.http_client.answer import Answer
from servicekit.http_client.failures import ConnectionFailed, UpstreamFailure, problem_for
from servicekit.http_client.remote_service import RemoteService, open_remote_service
from servicekit.http_client.second_try import is_repeatable, with_second_try
from servicekit.http_proxy.headers import Headers

_TIMEOUT_FIELD = TIMEOUT_HEADER.encode("ascii")


@dataclass(slots=True)
class OutgoingRequest:
    """`target` is path and query, encoded; `headers` are without those that each attempt adds."""

    method: str
    target: str
    headers: Headers
    body: bytes = b""

    @property
    def repeatable(self) -> bool:
        """Sending it twice has the effect of sending it once."""
        return is_repeatable(self.method, (name.decode("latin-1") for name, _ in self.headers))


class Upstream:
    """The service that requests are passed on to."""

    def __init__(
        self, service: RemoteService, *, may_repeat: Callable[[ConnectionFailed], bool]
    ) -> None:
        self._service, self._may_repeat = service, may_repeat
        self.check_alive = service.check_alive

    async def send(self, request: OutgoingRequest) -> Answer:
        """The answer, as soon as its headers are there; the caller closes it.

        A request is sent a second time, once, only if the connection broke before the first
        byte of the answer, the request is repeatable and `may_repeat` agrees. Raises the
        `Problem` that stands for a failure, and `DeadlinePassed` if no time is left.
        """

        async def attempt(resends: int) -> Answer:
            require_time()
            headers = request.headers.copy()
            if (left := remaining_seconds()) is not None:
                headers.append((_TIMEOUT_FIELD, b"%d" % max(1, int(left * 1000))))
            return await self._service.send(
                request.method, request.target, headers, request.body, resends=resends
            )

        try:
            return await with_second_try(
                attempt, lambda failure: request.repeatable and self._may_repeat(failure)
            )
        except UpstreamFailure as failure:
            raise problem_for(failure) from failure


@asynccontextmanager
async def open_upstream(
    base_url: str,
    *,
    max_connections: int = 100,
    may_repeat: Callable[[ConnectionFailed], bool] = lambda failure: failure.reused,
) -> AsyncIterator[Upstream]:
    """By default only a connection that had been used before is given a second try: it may just
    have been closed for being idle. Other retries are the gateway's."""
    async with open_remote_service(base_url, max_connections=max_connections) as service:
        yield Upstream(service, may_repeat=may_repeat)
