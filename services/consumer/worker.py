"""The consumer's loop: claim what others left, read what is new, wait for stores that are lost."""

import asyncio
import logging
import random
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from redis.exceptions import RedisError

from servicekit.http_server.health import Health
from servicekit.stream.consumer_group import ConsumerGroup
from servicekit.stream.maintenance import delete_consumer, maintain_group
from servicekit.telemetry.tracing import untraced
from services.consumer.handlers import OrderHandler
from services.consumer.repository import DatabaseUnavailable, OrderRepository

logger = logging.getLogger(__name__)

# Longer than the slowest step between two beats: a transaction at its limit, and its retries.
HEARTBEAT_LIMIT_SECONDS = 60.0
_CLAIM_EVERY_SECONDS = 1.0
_MAINTAIN_EVERY_SECONDS = 30.0
_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0


class Worker:
    def __init__(
        self,
        group: ConsumerGroup,
        handler: OrderHandler,
        repository: OrderRepository,
        health: Health,
        *,
        batch_size: int,
    ) -> None:
        self._group, self._handler, self._repository = group, handler, repository
        self._health, self._batch_size = health, batch_size
        self._stop = asyncio.Event()
        self._next_claim = self._next_maintenance = 0.0
        self._joined = False
        self._failures = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Stops at the end of the context: what is in flight is finished, the rest released."""
        self._health.heartbeat_limit_seconds = HEARTBEAT_LIMIT_SECONDS
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._stop.set()
            await task

    @property
    def _stopping(self) -> bool:
        """From SIGTERM on nothing new is taken, although probes are still answered."""
        return self._stop.is_set() or self._health.draining

    async def _run(self) -> None:
        await self._wait_for_database()
        while not self._stopping:
            try:
                await self._run_once()
                self._failures = 0
            except DatabaseUnavailable as error:
                logger.warning("the database is unavailable, reading pauses: %s", error)
                await self._release()
                await self._pause()
                await self._wait_for_database()
            except (RedisError, OSError) as error:
                self._health.beat()
                logger.warning("the queue is unavailable: %s: %s", type(error).__name__, error)
                await self._pause()
            except Exception as error:
                # Not released: whatever caused it must cost a delivery, or never ends. Nor
                # is its text logged: it may quote a message.
                where = "".join(traceback.format_tb(error.__traceback__))
                logger.error("unexpected %s in the loop\n%s", type(error).__name__, where)
                self._group.in_flight.clear()
                await self._pause()
        await self._shut_down()

    async def _run_once(self) -> None:
        self._health.beat()
        if self._group.in_flight:  # the queue was lost on the way
            await self._group.release()
        if not self._joined:
            await self._group.create()
            self._joined = True
        now = time.monotonic()
        if now >= self._next_claim:
            self._next_claim = now + _CLAIM_EVERY_SECONDS
            await self._handle_claimed()
        if now >= self._next_maintenance:
            self._next_maintenance = now + _MAINTAIN_EVERY_SECONDS
            await maintain_group(self._group)
        if not self._stopping:
            await self._handle_new()

    async def _handle_claimed(self) -> None:
        """What was delivered before is handled alone: if it kills this process, nothing else
        is delivered once more because of it."""
        async with aclosing(self._group.claimed()) as claimed:
            async for entry in claimed:
                self._health.beat()
                await self._handler.handle_alone(entry)
                if self._stopping:
                    return

    async def _handle_new(self) -> None:
        entries = await self._group.read(self._batch_size)
        if not entries or self._stopping:
            return
        for entry in await self._handler.handle_together(entries):
            if self._stopping:
                return
            self._health.beat()
            await self._handler.handle_alone(entry)

    async def _release(self) -> None:
        try:
            await self._group.release()
        except (RedisError, OSError) as error:
            logger.warning("not released, the queue is unavailable too: %s", type(error).__name__)

    async def _wait_for_database(self) -> None:
        while not self._stopping:
            self._health.beat()
            try:
                with untraced():
                    await self._repository.check()
            except Exception as error:
                logger.debug("the database is still unavailable: %s", type(error).__name__)
                await self._pause()
            else:
                return

    async def _pause(self) -> None:
        """Exponential with full jitter, ended early by the stop."""
        self._failures += 1
        longest = min(_LONGEST_PAUSE_SECONDS, _PAUSE_SECONDS * 2 ** min(self._failures, 10))
        try:
            async with asyncio.timeout(random.uniform(_PAUSE_SECONDS / 2, longest)):
                await self._stop.wait()
        except TimeoutError:
            return

    async def _shut_down(self) -> None:
        """Probes go on for as long as the server drains; the loop owes them no heartbeat."""
        self._health.heartbeat_limit_seconds = None
        try:
            await self._group.release()
            await delete_consumer(self._group)
        except (RedisError, OSError) as error:
            logger.warning("consumer not deleted, others claim its entries later: %s", error)
