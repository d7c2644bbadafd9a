"""What the publisher opens: the queue, its monitor, and the audit."""

from contextlib import AsyncExitStack

from contracts.telemetry import QUEUE_DURABLE
from servicekit.http_server.service import ServiceApp
from servicekit.redis import create_redis
from servicekit.telemetry.metrics import observe_gauge
from services.publisher.audit import open_audit
from services.publisher.orders import OrderPublisher
from services.publisher.queue_monitor import QueueBounds, open_monitor
from services.publisher.settings import Settings


async def open_resources(settings: Settings, app: ServiceApp, stack: AsyncExitStack) -> None:
    queue = create_redis(
        settings.queue_redis_url,
        timeout_seconds=settings.queue_timeout_seconds,
        client_name=settings.service_name,
    )
    stack.push_async_callback(queue.aclose)
    bounds = QueueBounds(
        backlog_orders=settings.max_backlog_orders,
        oldest_age_seconds=settings.max_oldest_age_seconds,
        memory_share=settings.max_memory_share,
    )
    monitor = await stack.enter_async_context(open_monitor(queue, bounds))
    audit = await stack.enter_async_context(open_audit(settings.audit_directory))
    app.health.add("queue", monitor.check)
    app.health.add("audit", audit.check, required=False)
    observe_gauge(QUEUE_DURABLE, monitor.durable)
    app.state.publisher = OrderPublisher(
        queue, monitor, audit, idempotency_seconds=settings.idempotency_seconds
    )
