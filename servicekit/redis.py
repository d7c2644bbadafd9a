"""Connections to Redis, with every silent repetition off."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.instrumentation.redis import RedisInstrumentor
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, ResponseError, TimeoutError

from servicekit.name_resolution import Address, resolver


class _ResolvingConnection(Connection):
    """Resolves its name as all our clients do. redis-py lets the event loop look it up, where
    one that hangs delays all others; and uvloop goes on with the look-up of a caller that was
    cancelled, and reports its failure as an exception that was never retrieved."""

    _address: Address | None = None

    async def _connect(self) -> None:
        async with asyncio.timeout(self.socket_connect_timeout):
            addresses = await resolver.resolve(self.host)
        for number, self._address in enumerate(addresses, start=1):
            try:
                await super()._connect()  # type: ignore[no-untyped-call]
            except OSError:
                if number == len(addresses):
                    resolver.mark_unreachable(self.host)
                    raise
            else:
                resolver.mark_reachable(self.host)
                return

    def _connection_arguments(self) -> Mapping[str, Any]:
        arguments = dict(super()._connection_arguments())
        if self._address is not None:
            if "ssl" in arguments:
                arguments["server_hostname"] = arguments["host"]
            arguments["host"] = self._address.host
        return arguments


class _CancellableConnection(AbstractConnection):
    """redis-py sends through `asyncio.wait_for`, which before Python 3.12 loses a cancellation
    that arrives while the data leaves (python/cpython#86296), and makes a task per command. A
    background loop that is cancelled once would then never end."""

    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()  # type: ignore[no-untyped-call]
        if isinstance(command, str):
            command = command.encode()
        try:
            async with asyncio.timeout(self.socket_timeout):
                await self._send_packed_command(
                    [command] if isinstance(command, bytes) else command
                )
        except BaseException as error:
            # Half a command may have been sent: the connection must not be used again.
            await self.disconnect(nowait=True)
            if isinstance(error, asyncio.TimeoutError):
                raise TimeoutError("Timeout writing to socket") from None
            if isinstance(error, OSError):
                raise ConnectionError(f"Error while writing to socket: {error}") from error
            raise


def create_redis(
    url: str, *, timeout_seconds: float, max_connections: int = 64, client_name: str = "arloji"
) -> Redis:
    """An asyncio client that answers in bytes and never sends a command twice.

    redis-py repeats failed commands by default; a repeated XADD would be a second entry.
    `timeout_seconds` must be longer than any BLOCK that the client is used with. Whoever finds
    all connections in use waits for one, no longer than that.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        timeout=timeout_seconds,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=min(timeout_seconds, 1.0),
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        max_connections=max_connections,
        client_name=client_name,
        # No CLIENT SETINFO: servers before 7.2 do not know it, and an account would need the right.
        driver_info=None,
        # RESP2: the same replies from every server since 6.2, and faster to parse here.
        protocol=2,
    )
    # A Unix socket has no name.
    resolving = (_ResolvingConnection,) if issubclass(pool.connection_class, Connection) else ()
    bases = (_CancellableConnection, *resolving, pool.connection_class)
    pool.connection_class = type("Connection", bases, {})
    client = Redis.from_pool(pool)
    RedisInstrumentor().instrument_client(client)
    return client


async def is_durable(client: Redis) -> bool:
    """True if this Redis writes an append-only file. How often it is fsynced is not
    in INFO. A server that refuses it, as the in-memory stand-in does, counts as not durable."""
    try:
        persistence = await client.info("persistence")
    except ResponseError:
        return False
    return persistence.get("aof_enabled") == 1
