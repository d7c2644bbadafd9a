"""What the consumer opens at its start, and what it needs to be ready."""

import socket
from contextlib import AsyncExitStack
from functools import partial
from uuid import uuid4

from redis.asyncio import Redis

from servicekit.http_server.service import ServiceApp
from servicekit.redis import create_redis
from servicekit.stream.consumer_group import BLOCK_SECONDS, ConsumerGroup
from services.consumer.handlers import OrderHandler
from services.consumer.messages import STREAM
from services.consumer.metrics import QueueGauges
from services.consumer.repository import open_repository
from services.consumer.settings import Settings
from services.consumer.worker import Worker

_CACHE_SECONDS = 1
_CLIENT_NAME = "arloji-consumer"


async def open_resources(settings: Settings, app: ServiceApp, stack: AsyncExitStack) -> None:
    queue = create_redis(
        settings.queue_redis_url, timeout_seconds=BLOCK_SECONDS + 3, client_name=_CLIENT_NAME
    )
    stack.push_async_callback(queue.aclose)
    cache = create_redis(
        settings.cache_redis_url, timeout_seconds=_CACHE_SECONDS, client_name=_CLIENT_NAME
    )
    stack.push_async_callback(cache.aclose)
    repository = await stack.enter_async_context(open_repository(settings.database_url))
    gauges = QueueGauges(queue, STREAM)
    app.health.add("queue", gauges.check)
    app.health.add("database", repository.check)
    app.health.add("cache", partial(_ping, cache), required=False)
    group = ConsumerGroup(
        queue,
        STREAM,
        # New in each process: no two ever share what is pending.
        consumer=f"{socket.gethostname()}-{uuid4().hex[:8]}",
        claim_idle_seconds=settings.claim_idle_seconds,
    )
    handler = OrderHandler(group, cache, repository, max_deliveries=settings.max_deliveries)
    worker = Worker(group, handler, repository, app.health, batch_size=settings.batch_size)
    await stack.enter_async_context(worker.running())


async def _ping(client: Redis) -> None:
    await client.ping()
