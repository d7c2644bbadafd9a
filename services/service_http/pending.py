"""Orders that are accepted and have no row yet, as the queue Redis knows them."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.orders import OrderView, PendingOrder
from contracts.queue import pending_key
from servicekit.breaker import Breaker
from servicekit.problems import ServiceUnavailable

T = TypeVar("T")

logger = logging.getLogger(__name__)


class QueueAway(ServiceUnavailable):
    """Whether the order was accepted cannot be told now."""

    def __init__(self) -> None:
        super().__init__("The queue of orders cannot be asked at the moment.")


class PendingOrders:
    """Every method raises `QueueAway` rather than to say that there is no order."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._breaker = Breaker(failures=3, pause_seconds=1)

    async def find(self, guest_id: UUID, order_id: UUID) -> OrderView | None:
        key = pending_key(str(guest_id))
        value = await self._call(lambda: self._client.hget(key, str(order_id)))
        return None if value is None else _read(str(order_id), value)

    async def list(self, guest_id: UUID) -> list[OrderView]:
        values = await self._call(lambda: self._client.hgetall(pending_key(str(guest_id))))
        return [_read(order_id, value) for order_id, value in values.items()]

    async def _call(self, ask: Callable[[], Awaitable[T]]) -> T:
        if not self._breaker.allows():
            raise QueueAway
        try:
            reply = await ask()
        except (RedisError, OSError) as error:
            self._breaker.failed()
            raise QueueAway from error
        self._breaker.succeeded()
        return reply


def _read(order_id: bytes | str, value: bytes | str) -> OrderView:
    """What cannot be read was accepted all the same: it is no reason to say `not found`."""
    try:
        text = order_id.decode() if isinstance(order_id, bytes) else order_id
        return OrderView.from_pending(text, PendingOrder.model_validate_json(value))
    except ValueError as error:  # ValidationError is one
        logger.error("unreadable pending order", extra={"order_id": repr(order_id)})
        raise QueueAway from error
