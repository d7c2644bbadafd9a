"""Connections to Redis, with every silent repetition off."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from servicekit.telemetry import instrument_redis_client


def create_redis(
    url: str, *, timeout_seconds: float, max_connections: int = 64, client_name: str = "arloji"
) -> Redis:
    """An asyncio client that answers in bytes and never sends a command twice.

    redis-py repeats failed commands by default; a repeated XADD would be a second entry.
    `timeout_seconds` must be longer than any BLOCK that the client is used with.
    """
    client = Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=min(timeout_seconds, 1.0),
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        max_connections=max_connections,
        client_name=client_name,
        # RESP2: the same replies from every server since 6.2, and faster to parse here.
        protocol=2,
    )
    instrument_redis_client(client)
    return client
