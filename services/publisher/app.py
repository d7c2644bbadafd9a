"""The publisher as an app."""

from contextlib import AsyncExitStack

from contracts.orders import OrderRequest
from contracts.telemetry import QUEUE_DURABLE
from servicekit.http_server.app import ServiceApp, create_service_app
from servicekit.http_server.openapi import describe_schemas
from servicekit.redis import create_redis
from servicekit.telemetry.metrics import observe_gauge
from services.publisher.audit import open_audit
from services.publisher.publishing import OrderPublisher
from services.publisher.queue_watch import QueueBounds, watching
from services.publisher.routes import router
from services.publisher.settings import Settings


def create_app(settings: Settings) -> ServiceApp:
    bounds = QueueBounds(
        backlog_orders=settings.max_backlog_orders,
        oldest_age_seconds=settings.max_oldest_age_seconds,
        memory_share=settings.max_memory_share,
    )

    async def open_resources(app: ServiceApp, stack: AsyncExitStack) -> None:
        redis = create_redis(
            settings.queue_redis_url,
            timeout_seconds=settings.queue_timeout_seconds,
            client_name=settings.service_name,
        )
        stack.push_async_callback(redis.aclose)
        watch = await stack.enter_async_context(watching(redis, bounds))
        audit = await stack.enter_async_context(open_audit(settings.audit_directory))
        app.health.add("queue", watch.check)
        app.health.add("audit", audit.check, required=False)
        observe_gauge(QUEUE_DURABLE, watch.durable)
        app.state.publisher = OrderPublisher(
            redis, watch, audit, idempotency_seconds=settings.idempotency_seconds
        )

    app = create_service_app(
        settings,
        title="Arloji publisher",
        description="Takes orders and queues them durably.",
        open_resources=open_resources,
        inner=True,
    )
    app.include_router(router)
    describe_schemas(app, OrderRequest)
    return app
