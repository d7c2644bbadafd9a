"""What the publisher knows of the queue without asking it for every order: how full it is, and
whether what it takes is on disk. Refreshed in the background."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from contracts.queue import ORDERS
from servicekit.redis import is_durable
from servicekit.stream.state import entry_age_seconds
from servicekit.telemetry.tracing import untraced

logger = logging.getLogger(__name__)

# Between two questions the queue may pass a bound by what half a second brings.
_INTERVAL_SECONDS = 0.5


@dataclass(frozen=True)
class QueueBounds:
    backlog_orders: int
    oldest_age_seconds: float
    memory_share: float


@dataclass(frozen=True)
class QueueState:
    backlog: int
    oldest_age_seconds: float
    memory_share: float  # of maxmemory; 0 where there is none
    durable: bool


class QueueUnavailable(Exception):
    """The queue did not answer when it was last asked."""


class QueueMonitor:
    """What the queue last said of itself, and what follows from it."""

    def __init__(self, redis: Redis, bounds: QueueBounds) -> None:
        self._redis, self._bounds = redis, bounds
        self._state: QueueState | None = None
        self._error: str | None = "not asked yet"

    def refusal(self) -> str | None:
        """Why no order may be added now. A queue that cannot be seen refuses for itself."""
        if self._state is None or self._error is not None:
            return None
        if self._state.backlog >= self._bounds.backlog_orders:
            return "Too many orders are waiting."
        if self._state.oldest_age_seconds >= self._bounds.oldest_age_seconds:
            return "Orders have been waiting for too long."
        if self._state.memory_share >= self._bounds.memory_share:
            return "The queue is short of memory."
        return None

    def durable(self) -> float | None:
        """1 or 0 for the metric; None while the queue cannot be asked."""
        if self._state is None or self._error is not None:
            return None
        return float(self._state.durable)

    async def check(self) -> str | None:
        """For the health of this process: raise if the queue is unavailable."""
        if self._error is not None:
            raise QueueUnavailable(self._error)
        assert self._state is not None
        written = "durable" if self._state.durable else "NOT DURABLE: no append-only file"
        refusal = self.refusal()
        return f"{written}; {refusal or f'{self._state.backlog} orders waiting'}"

    async def refresh(self) -> None:
        """Ask the queue; never raises."""
        before, was_lost = self._state, self._error is not None
        try:
            with untraced():
                self._state = await _fetch_state(self._redis)
        except Exception as error:
            self._error = f"{type(error).__name__}: {error}"
            return
        self._error = None
        changed = before is None or before.durable != self._state.durable
        if (was_lost or changed) and not self._state.durable:
            logger.error(
                "THE QUEUE IS NOT DURABLE: its Redis has appendonly off, and accepted orders "
                "are lost when it stops"
            )

    def stop(self) -> None:
        """Tell nothing any more, the metric included."""
        self._error = "stopped"

    async def keep_fresh(self) -> None:
        while True:
            await self.refresh()
            await asyncio.sleep(_INTERVAL_SECONDS)


async def _fetch_state(redis: Redis) -> QueueState:
    oldest: Any = await redis.xrange(ORDERS, count=1)
    return QueueState(
        backlog=await redis.xlen(ORDERS),
        oldest_age_seconds=entry_age_seconds(oldest[0][0]) if oldest else 0.0,
        memory_share=await _memory_share(redis),
        durable=await is_durable(redis),
    )


async def _memory_share(redis: Redis) -> float:
    try:
        memory = await redis.info("memory")
    except ResponseError:
        return 0.0  # the in-memory stand-in knows neither its size nor a bound
    limit = int(memory.get("maxmemory", 0))
    return int(memory["used_memory"]) / limit if limit else 0.0


@asynccontextmanager
async def open_monitor(redis: Redis, bounds: QueueBounds) -> AsyncIterator[QueueMonitor]:
    monitor = QueueMonitor(redis, bounds)
    task = asyncio.create_task(monitor.keep_fresh())
    try:
        yield monitor
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        monitor.stop()
