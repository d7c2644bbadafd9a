"""The consumer as a small web app, so that probes, telemetry and the stop are those of all
services; its lifespan runs the loop."""

import socket
from contextlib import AsyncExitStack
from uuid import uuid4

from redis.asyncio import Redis

from servicekit.http_server.app import ServiceApp, create_service_app
from servicekit.redis import create_redis
from servicekit.stream.consumer_group import BLOCK_SECONDS, ConsumerGroup
from services.consumer.handlers import OrderHandler
from services.consumer.measurements import QueueGauges
from services.consumer.messages import STREAM
from services.consumer.settings import Settings
from services.consumer.store import open_store
from services.consumer.worker import Worker


async def ping(client: Redis) -> None:
    await client.ping()


def create_app(settings: Settings) -> ServiceApp:
    async def open_resources(app: ServiceApp, stack: AsyncExitStack) -> None:
        queue = create_redis(
            settings.queue_redis_url,
            timeout_seconds=BLOCK_SECONDS + 3,
            client_name="arloji-consumer",
        )
        stack.push_async_callback(queue.aclose)
        cache = create_redis(
            settings.cache_redis_url, timeout_seconds=1, client_name="arloji-consumer"
        )
        stack.push_async_callback(cache.aclose)
        store = await stack.enter_async_context(open_store(settings.database_url))
        gauges = QueueGauges(queue, STREAM)
        app.health.add("queue", gauges.check)
        app.health.add("database", store.check)
        app.health.add("cache", lambda: ping(cache), required=False)
        group = ConsumerGroup(
            queue,
            STREAM,
            # New in each process: no two ever share what is pending.
            consumer=f"{socket.gethostname()}-{uuid4().hex[:8]}",
            claim_idle_seconds=settings.claim_idle_seconds,
        )
        handler = OrderHandler(group, cache, store, max_deliveries=settings.max_deliveries)
        worker = Worker(group, handler, store, app.health, batch_size=settings.batch_size)
        await stack.enter_async_context(worker.running())

    return create_service_app(
        settings,
        title="Arloji consumer",
        description="Stores accepted orders. It has no API besides its probes.",
        open_resources=open_resources,
        inner=True,
    )
