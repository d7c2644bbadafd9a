"""A client of the cache Redis for many callers at once: the few commands that a cache needs, each
sent once and never again."""

import asyncio
import builtins
import contextvars
from collections.abc import Awaitable
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from redis.asyncio import Redis
from redis.exceptions import TimeoutError

from servicekit.cache.connection import CacheConnection
from servicekit.telemetry.current_span import current_context, holds_only_a_span, span_in
from servicekit.telemetry.tracing import tracer


class CacheClient:
    """Opens its one connection when it is needed. Every command raises `RedisError` or `OSError`,
    after at most the timeout, and has a span like those of redis-py's instrumentation."""

    def __init__(self, client: Redis, *, timeout_seconds: float) -> None:
        """`client` says how to connect; it is closed with this one."""
        self._client, self._timeout_seconds = client, timeout_seconds
        self._connection: CacheConnection | None = None
        self._opening: asyncio.Task[CacheConnection] | None = None
        self._attributes, self._tracer = _attributes_of(client), tracer()

    def get(self, name: str) -> Awaitable[bytes | None]:
        return self._ask("GET", name)

    async def set(self, name: str, value: bytes, *, px: int, nx: bool = False) -> bool:
        """False if `nx` found a value."""
        only_new = ("NX",) if nx else ()
        return await self._ask("SET", name, value, "PX", px, *only_new) is not None

    def unlink(self, name: str) -> Awaitable[None]:
        return self._ask("UNLINK", name)

    async def ping(self) -> None:
        await self._ask("PING")

    async def aclose(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
            self._opened(self._opening)
        if self._connection is not None:
            self._connection.close()
        await self._client.aclose()

    def _ask(self, *command: bytes | str | int) -> Awaitable[Any]:
        current = current_context()
        # A span of a request that is not recorded, or of none, would never be seen.
        if span_in(current).is_recording() and (
            holds_only_a_span(current) or is_instrumentation_enabled()
        ):
            return self._ask_traced(current, *command)
        return self._send(*command)

    async def _ask_traced(self, current: Context, name: Any, *arguments: bytes | str | int) -> Any:
        query = " ".join([name, *("?" for _ in arguments)])
        told: dict[str, str | int] = {
            "db.query.text": query,
            "db.redis.args_length": 1 + len(arguments),
        }
        attributes = self._attributes | told
        span = self._tracer.start_span(name, current, trace.SpanKind.CLIENT, attributes)
        try:
            return await self._send(name, *arguments)
        except Exception as error:
            span.record_exception(error)
            described = f"{type(error).__name__}: {error}"
            span.set_status(trace.Status(trace.StatusCode.ERROR, described))
            raise
        finally:
            span.end()

    def _send(self, *command: bytes | str | int) -> Awaitable[Any]:
        connection = self._connection
        if connection is None or not connection.is_open:
            return self._send_once_connected(*command)
        return connection.ask(*command)

    async def _send_once_connected(self, *command: bytes | str | int) -> Any:
        connection = await self._connect()
        return await connection.ask(*command)

    async def _connect(self) -> CacheConnection:
        """One attempt for all who wait. It has nothing of the request that happened to be first."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(
                CacheConnection.open(self._client, self._timeout_seconds),
                context=contextvars.Context(),
            )
            self._opening.add_done_callback(self._opened)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await asyncio.shield(self._opening)
        except builtins.TimeoutError as error:
            raise TimeoutError("No connection in time.") from error

    def _opened(self, opening: "asyncio.Task[CacheConnection]") -> None:
        if not opening.cancelled() and opening.exception() is None:
            self._connection = opening.result()


def _attributes_of(client: Redis) -> dict[str, str | int]:
    options = client.connection_pool.connection_kwargs
    shared: dict[str, str | int] = {"db.system.name": "redis"}
    if "path" in options:
        return shared | {"server.address": options["path"], "network.transport": "unix"}
    return shared | {
        "server.address": options.get("host", "localhost"),
        "server.port": options.get("port", 6379),
        "network.transport": "tcp",
    }
