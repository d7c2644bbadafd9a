"""Another service as those who ask it see it: every request is one CLIENT span."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from servicekit.http_client.answer import Answer, Headers
from servicekit.http_client.connection import Body
from servicekit.http_client.failures import NotAlive
from servicekit.http_client.pool import ConnectionPool, open_pool
from servicekit.telemetry.client_spans import ClientSpans


class RemoteService:
    def __init__(self, pool: ConnectionPool, base_url: str) -> None:
        self._pool, self._spans = pool, ClientSpans(base_url)

    async def send(
        self, method: str, target: str, headers: Headers, body: Body = b"", *, resends: int = 0
    ) -> Answer:
        """As `ConnectionPool.send`, with the trace added to `headers`; `resends` counts the tries
        before this one."""
        span = self._spans.begin(method, target, headers, resends=resends)
        if span is None:
            return await self._pool.send(method, target, headers, body)
        try:
            answer = await self._pool.send(method, target, headers, body)
        except BaseException as error:
            span.failed(error)
            raise
        span.answered(answer.status)
        return answer

    async def check_alive(self) -> None:
        """Raises unless `/healthz` is answered with 200. For readiness."""
        with await self.send("GET", "/healthz", []) as answer:
            if answer.status != 200:
                raise NotAlive(f"{answer.status}")
            await answer.read()


@asynccontextmanager
async def open_remote_service(
    base_url: str, *, max_connections: int = 100
) -> AsyncIterator[RemoteService]:
    async with open_pool(base_url, max_connections=max_connections) as pool:
        yield RemoteService(pool, base_url)
