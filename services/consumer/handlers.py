"""What happens to the entries of the stream: commit first, acknowledge then; or dead letters."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.cache_keys import product_key
from contracts.orders import DeadLetterReason, OrderMessage, OrderReason, OrderStatus
from contracts.queue import FIELD_DELIVERIES, FIELD_ENTRY_ID, FIELD_REASON, pending_key
from servicekit.stream.consumer_group import ConsumerGroup, Entry, HashChange
from services.consumer.messages import MessageRefused, parse_partial_order, read_message
from services.consumer.metrics import OrderMetrics
from services.consumer.orders import Known, Outcome
from services.consumer.repository import DatabaseUnavailable, OrderRepository, describe_error
from services.consumer.spans import (
    batch_span,
    describe_failure,
    describe_order,
    describe_outcome,
    order_span,
)

logger = logging.getLogger(__name__)

# The cache is an extra: a product page may be stale for its time to live, an order may not wait.
_CACHE_SECONDS = 0.05

Readable = tuple[Entry, OrderMessage]
Finished = tuple[Entry, Outcome]


class OrderHandler:
    """Both ways to handle raise `DatabaseUnavailable` and what Redis raises. What is still in
    flight in the group then has not reached its end."""

    def __init__(
        self,
        group: ConsumerGroup,
        cache: Redis,
        repository: OrderRepository,
        *,
        max_deliveries: int,
    ) -> None:
        self._group, self._cache, self._repository = group, cache, repository
        self._max_deliveries = max_deliveries
        self._metrics = OrderMetrics()

    async def handle_together(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Store what can be stored in one transaction; returns what must be handled alone: all
        of it, if one message keeps the others from it."""
        readable = _distinct_orders(entries)
        if len(readable) < 2:
            return entries
        done = {entry.entry_id for entry, _ in await self._store_together(readable)}
        return [entry for entry in entries if entry.entry_id not in done]

    async def _store_together(self, readable: Sequence[Readable]) -> list[Finished]:
        """Empty if nothing was stored."""
        entries = [entry for entry, _ in readable]
        with batch_span(entries) as add_order_span:
            try:
                outcomes = await self._repository.store_together([one for _, one in readable])
            except DatabaseUnavailable:
                raise
            except Exception as error:
                logger.info("a batch of %d is split: %s", len(entries), describe_error(error))
                describe_failure(type(error).__name__)
                return []
            finished = [
                (entry, outcome)
                for entry, outcome in zip(entries, outcomes, strict=True)
                if outcome.known is not Known.KEY_REUSE
            ]
            for entry, outcome in finished:
                add_order_span(entry, outcome)
            await self._finish(finished)
        return finished

    async def handle_alone(self, entry: Entry) -> None:
        with order_span(entry):
            try:
                outcome = await self._store_alone(entry)
            except MessageRefused as refused:
                await self._dead_letter(entry, refused.reason)
                return
            if outcome is None:
                self._group.leave_pending(entry)
                return
            describe_outcome(outcome)
            await self._finish([(entry, outcome)])

    async def _store_alone(self, entry: Entry) -> Outcome | None:
        """None if the message could not be stored: it is delivered again later, but not for
        ever. Raises `MessageRefused` for what is to be dead-lettered."""
        if entry.deliveries > self._max_deliveries:
            # It may be what ended the process each time: not even read again.
            raise MessageRefused(DeadLetterReason.DELIVERIES_EXHAUSTED)
        message = read_message(entry.fields)
        describe_order(str(message.order_id))
        try:
            outcome = await self._repository.store_alone(message)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            describe_failure(type(error).__name__)
            logger.error(
                "order %s cannot be stored (delivery %d): %s",
                message.order_id,
                entry.deliveries,
                describe_error(error),
            )
            if entry.deliveries >= self._max_deliveries:
                raise MessageRefused(DeadLetterReason.DELIVERIES_EXHAUSTED) from error
            return None
        if outcome.known is Known.KEY_REUSE:
            raise MessageRefused(DeadLetterReason.KEY_REUSE)
        return outcome

    async def _finish(self, finished: Sequence[Finished]) -> None:
        """After the commit, and in this order: a page read in between shows the new stock."""
        if not finished:
            return
        outcomes = [outcome for _, outcome in finished]
        self._metrics.committed(outcomes)
        await self._forget_pages(outcomes)
        releases = [
            HashChange(pending_key(str(one.message.guest_id)), str(one.message.order_id))
            for one in outcomes
        ]
        await self._group.settle([entry for entry, _ in finished], releases)
        now = datetime.now(UTC)
        for one in outcomes:
            # By this a slow one is found among all.
            seconds = round((now - one.message.accepted_at).total_seconds(), 3)
            logger.info(
                "order %s is %s", one.message.order_id, one.status, extra={"seconds": seconds}
            )

    async def _forget_pages(self, outcomes: Sequence[Outcome]) -> None:
        sold = {
            line.product_id
            for outcome in outcomes
            if outcome.status is OrderStatus.CONFIRMED
            for line in outcome.message.items
        }
        if not sold:
            return
        try:
            async with asyncio.timeout(_CACHE_SECONDS):
                await self._cache.unlink(*map(product_key, sold))
        except (RedisError, OSError, TimeoutError) as error:
            # No fault: the pages expire by themselves, and `/readyz` tells that the cache is lost.
            logger.info("pages not removed from the cache: %s", type(error).__name__)

    async def _dead_letter(self, entry: Entry, reason: DeadLetterReason) -> None:
        change, order = None, parse_partial_order(entry.entry_id, entry.fields)
        if order is not None:
            describe_order(order.order_id)
            if reason is DeadLetterReason.KEY_REUSE or await self._repository.has_row(
                order.order_id
            ):
                change = order.clear_pending()
            else:
                change = order.set_pending(OrderReason.HELD)
        describe_failure(reason.value)
        about = {
            FIELD_REASON: reason.value,
            FIELD_DELIVERIES: str(min(entry.deliveries, self._max_deliveries)),
            FIELD_ENTRY_ID: entry.entry_id,
        }
        encoded = {name.encode(): value.encode() for name, value in about.items()}
        await self._group.dead_letter(entry, encoded, change)
        self._metrics.dead_lettered(reason)
        logger.error("entry %s is a dead letter: %s", entry.entry_id, reason.value)


def _distinct_orders(entries: Sequence[Entry]) -> list[Readable]:
    """What can go into one transaction: valid, and the first of each order."""
    found: dict[UUID, Readable] = {}
    for entry in entries:
        try:
            message = read_message(entry.fields)
        except MessageRefused:
            continue
        found.setdefault(message.order_id, (entry, message))
    return list(found.values())
