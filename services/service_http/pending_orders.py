"""Orders that are accepted and have no row yet, as the queue Redis knows them."""

import asyncio
import heapq
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from itertools import islice
from typing import TypeVar
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError, TimeoutError

from contracts.orders import OrderView, PendingOrder
from contracts.queue import pending_key
from servicekit.circuit_breaker import Breaker
from servicekit.deadline import require_time
from servicekit.problems import ServiceUnavailable

T = TypeVar("T")
Views = list[OrderView]
Value = bytes | str

# Of the list, between two turns of the event loop.
_SLICE = 500
_ACCEPTED_AT = re.compile(rb'"accepted_at":\s*"([^"]*)"')

logger = logging.getLogger(__name__)


class QueueUnavailable(ServiceUnavailable):
    """Whether the order was accepted cannot be told now."""

    def __init__(self) -> None:
        super().__init__("The queue of orders cannot be asked at the moment.")


class PendingOrders:
    """Every method raises `QueueUnavailable` rather than to say that there is no order, and
    `DeadlinePassed` before it asks for somebody who has left."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._breaker = Breaker(failures=3, pause_seconds=1)
        self._running: dict[UUID, asyncio.Task[Views]] = {}
        self._next: dict[UUID, asyncio.Task[Views]] = {}

    async def find(self, guest_id: UUID, order_id: UUID) -> OrderView | None:
        require_time()
        key = pending_key(str(guest_id))
        value = await self._call(lambda: self._client.hget(key, str(order_id)))
        return None if value is None else _read(str(order_id), value)

    async def list_for_guest(self, guest_id: UUID, newest: int) -> list[OrderView]:
        """The newest of them. A guest has one list read at a time: who comes meanwhile waits for
        the next one, since the one under way may lack what was accepted just now."""
        require_time()
        flight = self._next.get(guest_id)
        if flight is None:
            before = self._running.get(guest_id)
            flight = asyncio.create_task(self._list_after(before, guest_id, newest))
            self._next[guest_id] = flight
        # A caller that leaves must not take the answer away from the others.
        return await asyncio.shield(flight)

    async def _list_after(
        self, before: "asyncio.Task[Views] | None", guest_id: UUID, newest: int
    ) -> Views:
        if before is not None:
            await asyncio.wait({before})
        flight = self._running[guest_id] = self._next.pop(guest_id)
        # Seen, even if every caller has left.
        flight.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            key = pending_key(str(guest_id))
            values = await self._call(lambda: self._client.hgetall(key), may_be_large=True)
            return [_read(*item) for item in await _newest_of(values, newest)]
        finally:
            if self._running.get(guest_id) is flight:
                del self._running[guest_id]

    async def _call(self, ask: Callable[[], Awaitable[T]], *, may_be_large: bool = False) -> T:
        if not self._breaker.allows():
            raise QueueUnavailable
        try:
            reply = await ask()
        except (RedisError, OSError) as error:
            # One guest's list that takes too long says nothing about the queue.
            if not (may_be_large and isinstance(error, TimeoutError)):
                self._breaker.failed()
            raise QueueUnavailable from error
        self._breaker.succeeded()
        return reply


async def _newest_of(values: Mapping[Value, Value], newest: int) -> list[tuple[Value, Value]]:
    """By the time of acceptance, which is all that is read of each. Others have their turn in
    between: a guest may have thousands."""
    best: list[tuple[datetime, Value, Value]] = []
    waiting = iter(values.items())
    while part := list(islice(waiting, _SLICE)):
        dated = ((_accepted_at(value), order_id, value) for order_id, value in part)
        best = heapq.nlargest(newest, [*best, *dated])
        await asyncio.sleep(0)
    return [(order_id, value) for _, order_id, value in best]


def _accepted_at(value: Value) -> datetime:
    text = value.encode() if isinstance(value, str) else value
    try:
        found = _ACCEPTED_AT.search(text)
        if found is None:
            raise ValueError("no time of acceptance")
        moment = datetime.fromisoformat(found[1].decode("ascii"))
        if moment.tzinfo is None:
            raise ValueError("no offset")
    except ValueError as error:
        logger.error("unreadable pending order")
        raise QueueUnavailable from error
    return moment


def _read(order_id: Value, value: Value) -> OrderView:
    """What cannot be read was accepted all the same: it is no reason to say `not found`."""
    try:
        text = order_id.decode() if isinstance(order_id, bytes) else order_id
        return OrderView.from_pending(text, PendingOrder.model_validate_json(value))
    except ValueError as error:  # ValidationError is one
        logger.error("unreadable pending order", extra={"order_id": repr(order_id)})
        raise QueueUnavailable from error
