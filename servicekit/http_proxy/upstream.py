"""The one service that requests are passed on to, and the one second try."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from servicekit.deadline import TIMEOUT_HEADER, require_time
from servicekit.http_client.answer import Answer
from servicekit.http_client.failures import ConnectionFailed, UpstreamFailure, problem_for
from servicekit.http_client.remote_service import RemoteService, open_remote_service
from servicekit.http_client.second_try import is_repeatable
from servicekit.http_proxy.headers import Headers

_TIMEOUT_FIELD = TIMEOUT_HEADER.encode("ascii")


@dataclass(slots=True)
class OutgoingRequest:
    """`target` is path and query, encoded; `headers` are without those that each attempt adds.
    `kind` is what the one who sends it calls requests of its kind."""

    method: str
    target: str
    headers: Headers
    body: bytes = b""
    kind: str = ""

    @property
    def repeatable(self) -> bool:
        """Sending it twice has the effect of sending it once."""
        return is_repeatable(self.method, (name.decode("latin-1") for name, _ in self.headers))


MayRepeat = Callable[[OutgoingRequest, ConnectionFailed], bool]


class Upstream:
    """The service that requests are passed on to."""

    def __init__(
        self, service: RemoteService, *, may_repeat: MayRepeat, pause: Callable[[], float] | None
    ) -> None:
        self._service, self._may_repeat, self._pause = service, may_repeat, pause
        self.check_alive = service.check_alive

    async def send(self, request: OutgoingRequest) -> Answer:
        """The answer, as soon as its headers are there; the caller closes it.

        A request is sent a second time, once, after `pause` seconds, only if the connection broke
        before the first byte of the answer, the request is repeatable and `may_repeat` agrees.
        Raises the `Problem` that stands for a failure, and `DeadlinePassed` if no time is left.
        """
        try:
            try:
                return await self._attempt(request, 0)
            except ConnectionFailed as failure:
                if not (failure.before_answer and request.repeatable):
                    raise
                if not self._may_repeat(request, failure):
                    raise
            if self._pause is not None:
                await asyncio.sleep(self._pause())
            return await self._attempt(request, 1)
        except UpstreamFailure as failure:
            raise problem_for(failure) from failure

    def _attempt(self, request: OutgoingRequest, resends: int) -> Awaitable[Answer]:
        headers = request.headers.copy()
        if (left := require_time()) is not None:
            headers.append((_TIMEOUT_FIELD, b"%d" % (int(left * 1000) or 1)))
        return self._service.send(
            request.method, request.target, headers, request.body, resends=resends
        )


@asynccontextmanager
async def open_upstream(
    base_url: str,
    *,
    max_connections: int = 100,
    may_repeat: MayRepeat = lambda _request, failure: failure.reused,
    pause: Callable[[], float] | None = None,
) -> AsyncIterator[Upstream]:
    """By default only a connection that had been used before is given a second try, at once: it may
    just have been closed for being idle. Other retries are the gateway's."""
    async with open_remote_service(base_url, max_connections=max_connections) as service:
        yield Upstream(service, may_repeat=may_repeat, pause=pause)
