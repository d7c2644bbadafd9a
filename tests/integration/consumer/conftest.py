"""A shop with empty stores, and a consumer without its loop."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from sqlalchemy import Engine

from tests.integration.consumer.shop import Consumer, Shop
from tests.servers import RedisServer


@pytest.fixture
def shop(
    queue_server: RedisServer,
    cache_server: RedisServer,
    database_url: str,
    queue: Redis,
    cache: Redis,
    engine: Engine,
) -> Shop:
    return Shop(queue_server.url, cache_server.url, database_url, queue, cache, engine)


@pytest.fixture
async def first(shop: Shop) -> AsyncIterator[Consumer]:
    async with shop.consumer() as one:
        yield one
