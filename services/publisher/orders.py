"""From an order that is valid to one that cannot be lost, in two round trips to the queue."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.audit import AuditLine
from contracts.orders import OrderMessage, PendingOrder, order_id_for
from contracts.problems import IdempotencyKeyReused
from contracts.queue import (
    FIELD_ORDER,
    FIELD_SCHEMA,
    FIELD_TRACEPARENT,
    ORDERS,
    SCHEMA_VERSION,
    idempotency_record_key,
    pending_key,
)
from contracts.telemetry import ORDERS_ACCEPTED
from servicekit.deadline import require_time
from servicekit.problems import ServiceUnavailable
from servicekit.stream.consumer_group import current_traceparent
from servicekit.telemetry.metrics import create_counter
from services.publisher.audit import AuditLog
from services.publisher.incoming_order import IncomingOrder
from services.publisher.queue_monitor import QueueMonitor
from services.publisher.spans import audit_span, name_entry, name_order, send_span

logger = logging.getLogger(__name__)

# After the fingerprint in a key record: the order of this key is in the queue.
_QUEUED = " queued"
_FULL_RETRY_SECONDS = 10


class OrderPublisher:
    def __init__(
        self, redis: Redis, monitor: QueueMonitor, audit: AuditLog, *, idempotency_seconds: int
    ) -> None:
        self._redis, self._monitor, self._audit = redis, monitor, audit
        self._idempotency_seconds = idempotency_seconds
        self._accepted = create_counter(ORDERS_ACCEPTED)
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def publish(self, incoming: IncomingOrder) -> UUID:
        """Return the order's id once the order is fsynced in the queue and has its audit line.

        The same guest, key and body give the same id at any age; another body is
        `IdempotencyKeyReused`. Whatever the queue does not confirm is `ServiceUnavailable`,
        even if the order may have arrived: the outcome is then unknown, and a repetition with
        the same key finds it out.
        """
        order_id = order_id_for(incoming.guest_id, incoming.idempotency_key)
        name_order(order_id)
        # One request per order at a time. Two in different processes may still both enqueue,
        # which the consumer makes harmless; this keeps it rare.
        lock = self._locks.setdefault(order_id, asyncio.Lock())
        try:
            async with lock:
                line = await self._enqueue_once(order_id, incoming)
        except RedisError as error:
            raise ServiceUnavailable(
                "The queue did not confirm the order; it may have arrived."
            ) from error
        with audit_span():
            await self._audit.append(line)
        if line.entry_id is not None:
            self._accepted.add(1)
            logger.info("order %s is in the queue", order_id)
        return order_id

    async def _enqueue_once(self, order_id: UUID, incoming: IncomingOrder) -> AuditLine:
        """The audit line of a new entry, or of the order that was in the queue already."""
        key = idempotency_record_key(str(incoming.guest_id), incoming.idempotency_key)
        fingerprint = incoming.request.fingerprint()
        require_time()  # it may have waited for another of its kind
        refusal = self._monitor.refusal()
        # A full queue gets no new key records either, but repetitions still find theirs.
        is_new = refusal is None and await self._redis.set(
            key, fingerprint, nx=True, ex=self._idempotency_seconds
        )
        if not is_new:
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
                    f"{refusal} Nothing was ordered.", retry_after_seconds=_FULL_RETRY_SECONDS
                )
            # Whoever wrote the record died, or had no time left, before the order was in the queue.
        require_time()
        return await self._enqueue(_message_of(order_id, incoming, fingerprint), key)

    async def _enqueue(self, message: OrderMessage, key: str) -> AuditLine:
        """Entry, pending order and key record, all or nothing; answered once fsynced."""
        pending = PendingOrder(items=message.items, accepted_at=message.accepted_at)
        guest_orders = pending_key(str(message.guest_id))
        with send_span(message.order_id):
            async with self._redis.pipeline(transaction=True) as transaction:
                transaction.xadd(ORDERS, _fields(message))
                transaction.hset(guest_orders, str(message.order_id), pending.model_dump_json())
                transaction.set(key, message.fingerprint + _QUEUED, ex=self._idempotency_seconds)
                entry_id: str = (await transaction.execute())[0].decode()
            name_entry(entry_id)
        return AuditLine(
            order_id=message.order_id, entry_id=entry_id, accepted_at=message.accepted_at
        )


def _message_of(order_id: UUID, incoming: IncomingOrder, fingerprint: str) -> OrderMessage:
    request = incoming.request
    return OrderMessage(
        order_id=order_id,
        guest_id=incoming.guest_id,
        fingerprint=fingerprint,
        items=request.items,
        customer=request.customer,
        expected_total_idr=request.expected_total_idr,
        accepted_at=datetime.now(UTC),
    )


def _text(reply: Any) -> str:
    return reply.decode() if isinstance(reply, bytes) else ""


def _fields(message: OrderMessage) -> dict[Any, Any]:
    """The stream entry. Its trace is the one under way: the consumer's span follows from it."""
    fields = {FIELD_SCHEMA: str(SCHEMA_VERSION), FIELD_ORDER: message.model_dump_json()}
    if traceparent := current_traceparent():
        fields[FIELD_TRACEPARENT] = traceparent
    return fields
