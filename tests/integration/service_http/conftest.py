"""service-http with everything behind it, or with something else in one of the places."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from tests.reading import Start, service_http
from tests.servers import RedisServer


@pytest.fixture
def start(
    database_url: str,
    queue_server: RedisServer,
    cache_server: RedisServer,
    queue: Redis,
    cache: Redis,
) -> Start:
    def start(**changes: Any) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        usual: dict[str, Any] = {"queue_url": queue_server.url, "cache_url": cache_server.url}
        return service_http(**{"database_url": database_url} | usual | changes)

    return start


@pytest.fixture
async def api(start: Start) -> AsyncIterator[httpx.AsyncClient]:
    async with start() as client:
        yield client
