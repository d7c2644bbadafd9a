"""The consumer's own metrics."""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from redis.asyncio import Redis

from contracts.orders import DeadLetterReason
from contracts.telemetry import (
    ORDERS_DEAD_LETTERED,
    ORDERS_DUPLICATE_DELIVERIES,
    ORDERS_SETTLED,
    ORDERS_TIME_TO_STORED,
    QUEUE_BACKLOG,
    QUEUE_DEAD,
    QUEUE_DURABLE,
    QUEUE_OLDEST_AGE,
    QUEUE_PENDING,
)
from servicekit.redis import is_durable
from servicekit.stream.state import StreamNames, StreamState, fetch_stream_state
from servicekit.telemetry.metrics import create_counter, create_histogram, observe_gauge
from services.consumer.orders import Known, Outcome

logger = logging.getLogger(__name__)

# From a commit in the next moment to a backlog of an hour.
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)


class OrderMetrics:
    def __init__(self) -> None:
        self._settled = create_counter(ORDERS_SETTLED)
        self._dead_lettered = create_counter(ORDERS_DEAD_LETTERED)
        self._duplicates = create_counter(ORDERS_DUPLICATE_DELIVERIES)
        self._time_to_stored = create_histogram(ORDERS_TIME_TO_STORED, _SECONDS)

    def committed(self, outcomes: Iterable[Outcome]) -> None:
        """Right after the commit: an acknowledgement that fails would count twice else."""
        now = datetime.now(UTC)
        for outcome in outcomes:
            if outcome.known is Known.DUPLICATE:
                self._duplicates.add(1)
            elif outcome.known is Known.NEW:
                reason = {"reason": outcome.reason.value} if outcome.reason else {}
                self._settled.add(1, {"status": outcome.status.value, **reason})
                waited = (now - outcome.message.accepted_at).total_seconds()
                self._time_to_stored.record(max(0.0, waited))

    def dead_lettered(self, reason: DeadLetterReason) -> None:
        self._dead_lettered.add(1, {"reason": reason.value})


class QueueGauges:
    """What the queue looked like last; nothing while it cannot be asked."""

    def __init__(self, client: Redis, names: StreamNames) -> None:
        self._client, self._names = client, names
        self.state: StreamState | None = None
        self.durable: bool | None = None
        observe_gauge(QUEUE_BACKLOG, self._reader(lambda state: state.backlog))
        observe_gauge(QUEUE_OLDEST_AGE, self._reader(lambda s: s.oldest_age_seconds))
        observe_gauge(QUEUE_PENDING, self._reader(lambda state: state.pending))
        observe_gauge(QUEUE_DEAD, self._reader(lambda state: state.dead))
        observe_gauge(QUEUE_DURABLE, lambda: self.durable)

    def _reader(self, read: Callable[[StreamState], float]) -> Callable[[], float | None]:
        return lambda: None if self.state is None else read(self.state)

    async def check(self) -> str:
        """Look at the queue; raises if it cannot be asked. As a health check it is asked again
        and again, without spans."""
        try:
            self.state = await fetch_stream_state(self._client, self._names)
            durable = await is_durable(self._client)
        except BaseException:
            self.state = self.durable = None
            raise
        if not durable and self.durable is not False:
            logger.error("the queue Redis writes no append-only file: it can lose orders")
        self.durable = durable
        return "durable" if durable else "NOT DURABLE: no append-only file"
