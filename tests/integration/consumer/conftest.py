"""A shop with empty stores, and a consumer without its loop."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from sqlalchemy import Engine

from tests.integration.consumer.shop import Shop
from tests.servers import RedisServer


@pytest.fixture
def stores(
    queue_server: RedisServer,
    cache_server: RedisServer,
    database_url: str,
    queue: Redis,
    cache: Redis,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    urls = (queue_server.url, cache_server.url, database_url)
    return Shop(*urls, queue, cache, engine, monkeypatch)


@pytest.fixture
async def shop(stores: Shop) -> AsyncIterator[Shop]:
    async with stores.consumer() as stores.first:
        yield stores
