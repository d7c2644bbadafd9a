"""The one service that requests are passed on to, and the one second try."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from servicekit.deadline import TIMEOUT_HEADER, remaining_seconds, require_time
from servicekit.http_client.second_try import is_repeatable, with_second_try
from servicekit.http_client.session import (
    ConnectionFailed,
    UpstreamFailure,
    open_session,
    problem_for,
)


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """`target` is path and query, encoded; `headers` are without those that each attempt adds."""

    method: str
    target: str
    headers: CIMultiDict[str]
    body: bytes | None = None

    @property
    def repeatable(self) -> bool:
        """Sending it twice has the effect of sending it once."""
        return is_repeatable(self.method, self.headers)


class Upstream:
    """The service that requests are passed on to."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        may_repeat: Callable[[ConnectionFailed], bool],
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._may_repeat = may_repeat

    async def send(self, request: OutgoingRequest) -> aiohttp.ClientResponse:
        """The answer, as soon as its headers are there; the caller releases it.

        A request is sent a second time, once, only if the connection broke before the first
        byte of the answer, the request is repeatable and `may_repeat` agrees. Raises the
        `Problem` that stands for a failure, and `DeadlinePassed` if no time is left.
        """
        try:
            return await with_second_try(
                lambda: self._attempt(request),
                lambda failure: request.repeatable and self._may_repeat(failure),
            )
        except UpstreamFailure as failure:
            raise problem_for(failure) from failure

    async def _attempt(self, request: OutgoingRequest) -> aiohttp.ClientResponse:
        require_time()
        headers = request.headers.copy()
        if (left := remaining_seconds()) is not None:
            headers[TIMEOUT_HEADER] = str(max(1, int(left * 1000)))
        return await self._session.request(
            request.method,
            URL(self._base_url + request.target, encoded=True),
            headers=headers,
            data=request.body or None,
            allow_redirects=False,
        )

    async def check_alive(self) -> None:
        """Raises unless `/healthz` is answered with 200. For readiness."""
        url = URL(f"{self._base_url}/healthz")
        async with self._session.get(url, allow_redirects=False) as answer:
            answer.raise_for_status()


@asynccontextmanager
async def open_upstream(
    base_url: str,
    *,
    max_connections: int = 100,
    may_repeat: Callable[[ConnectionFailed], bool] = lambda failure: failure.reused,
) -> AsyncIterator[Upstream]:
    """By default only a connection that had been used before is given a second try: it may just
    have been closed for being idle. Other retries are the gateway's."""
    async with open_session(max_connections=max_connections) as session:
        yield Upstream(session, base_url, may_repeat=may_repeat)
