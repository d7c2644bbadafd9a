"""From an order that is valid to one that cannot be lost, in two round trips to the queue."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.audit import AuditLine
from contracts.orders import OrderMessage, PendingOrder, order_id_for
from contracts.queue import (
    FIELD_ORDER,
    FIELD_SCHEMA,
    FIELD_TRACEPARENT,
    ORDERS,
    SCHEMA_VERSION,
    idempotency_record_key,
    pending_key,
)
from contracts.telemetry import ORDER_ID, ORDERS_ACCEPTED
from servicekit.problems import IdempotencyKeyReused, ServiceUnavailable
from servicekit.stream.consumer_group import current_traceparent
from servicekit.telemetry.metrics import create_counter
from servicekit.telemetry.tracing import tracer
from services.publisher.audit import AuditLog
from services.publisher.intake import IncomingOrder
from services.publisher.queue_watch import QueueWatch

logger = logging.getLogger(__name__)

# After the fingerprint in a key record: the order of this key is in the queue.
_QUEUED = " queued"
_FULL_RETRY_SECONDS = 10
_SEND = {
    "messaging.system": "redis",
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
    "messaging.destination.name": ORDERS,
}


class OrderPublisher:
    def __init__(
        self, redis: Redis, watch: QueueWatch, audit: AuditLog, *, idempotency_seconds: int
    ) -> None:
        self._redis, self._watch, self._audit = redis, watch, audit
        self._idempotency_seconds = idempotency_seconds
        self._accepted = create_counter(ORDERS_ACCEPTED)
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def publish(self, incoming: IncomingOrder) -> UUID:
        """Return the order's id once the order is fsynced in the queue and has its audit line.

        The same guest, key and body give the same id at any age; another body is
        `IdempotencyKeyReused`. Whatever the queue does not confirm is `ServiceUnavailable`,
        even if the order may have arrived: the outcome is then unknown, and a repetition with
        the same key finds it out.
        """
        order_id = order_id_for(incoming.guest_id, incoming.idempotency_key)
        trace.get_current_span().set_attribute(ORDER_ID, str(order_id))
        try:
            async with self._turn(order_id):
                line = await self._enqueue_once(order_id, incoming)
        except RedisError as error:
            raise ServiceUnavailable(
                "The queue did not confirm the order; it may have arrived."
            ) from error
        with tracer().start_as_current_span("append audit line"):
            await self._audit.append(line)
        if line.entry_id is not None:
            self._accepted.add(1)
            logger.info("order %s is in the queue", order_id)
        return order_id

    @asynccontextmanager
    async def _turn(self, order_id: UUID) -> AsyncIterator[None]:
        """One request per order at a time. Two in different processes may still both enqueue,
        which the consumer makes harmless; this keeps it rare."""
        lock = self._turns.setdefault(order_id, asyncio.Lock())
        async with lock:
            yield

    async def _enqueue_once(self, order_id: UUID, incoming: IncomingOrder) -> AuditLine:
        """The audit line of a new entry, or of the order that was in the queue already."""
        key = idempotency_record_key(str(incoming.guest_id), incoming.idempotency_key)
        fingerprint = incoming.request.fingerprint()
        refusal = self._watch.refusal()
        # A full queue gets no new key records either, but repetitions still find theirs.
        if refusal is None and await self._redis.set(
            key, fingerprint, nx=True, ex=self._idempotency_seconds
        ):
            return await self._enqueue(order_id, incoming, key, fingerprint)
        # Gone means expired in between: as good as a record of this very order.
        record = _text(await self._redis.get(key)) or fingerprint
        if not record.startswith(fingerprint):
            raise IdempotencyKeyReused(
                "This key was used for another order. Use a new key for a new order."
            )
        if record.endswith(_QUEUED):
            return AuditLine(order_id=order_id, entry_id=None, accepted_at=datetime.now(UTC))
        if refusal is not None:
            raise ServiceUnavailable(
                f"{refusal} Nothing was ordered.",
                retry_after_seconds=_FULL_RETRY_SECONDS,
            )
        # Whoever wrote the record died before the order was in the queue.
        return await self._enqueue(order_id, incoming, key, fingerprint)

    async def _enqueue(
        self, order_id: UUID, incoming: IncomingOrder, key: str, fingerprint: str
    ) -> AuditLine:
        """Entry, pending order and key record, all or nothing; answered once fsynced."""
        request, guest_id = incoming.request, incoming.guest_id
        message = OrderMessage(
            order_id=order_id,
            guest_id=guest_id,
            fingerprint=fingerprint,
            items=request.items,
            customer=request.customer,
            expected_total_idr=request.expected_total_idr,
            accepted_at=datetime.now(UTC),
        )
        pending = PendingOrder(items=message.items, accepted_at=message.accepted_at)
        attributes = {**_SEND, ORDER_ID: str(order_id)}
        with tracer().start_as_current_span(
            f"send {ORDERS}", kind=SpanKind.PRODUCER, attributes=attributes
        ) as span:
            async with self._redis.pipeline(transaction=True) as transaction:
                transaction.xadd(ORDERS, _fields(message))
                transaction.hset(
                    pending_key(str(guest_id)), str(order_id), pending.model_dump_json()
                )
                transaction.set(key, fingerprint + _QUEUED, ex=self._idempotency_seconds)
                entry_id: str = (await transaction.execute())[0].decode()
            span.set_attribute("messaging.message.id", entry_id)
        return AuditLine(order_id=order_id, entry_id=entry_id, accepted_at=message.accepted_at)


def _text(reply: Any) -> str:
    return reply.decode() if isinstance(reply, bytes) else ""


def _fields(message: OrderMessage) -> dict[Any, Any]:
    """The stream entry. Its trace is the one under way: the consumer's span follows from it."""
    fields = {FIELD_SCHEMA: str(SCHEMA_VERSION), FIELD_ORDER: message.model_dump_json()}
    if traceparent := current_traceparent():
        fields[FIELD_TRACEPARENT] = traceparent
    return fields
