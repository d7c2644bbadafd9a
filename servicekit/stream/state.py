"""Reads the state of a stream, its group and its dead letters; changes nothing."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

_PAGE = 100


@dataclass(frozen=True, slots=True)
class StreamNames:
    stream: str
    dead_stream: str
    group: str


@dataclass(frozen=True, slots=True)
class StreamState:
    backlog: int
    oldest_age_seconds: float
    pending: int
    dead: int


async def fetch_stream_state(client: Redis, names: StreamNames) -> StreamState:
    oldest: Any = await client.xrange(names.stream, count=1)
    return StreamState(
        backlog=await client.xlen(names.stream),
        oldest_age_seconds=entry_age_seconds(oldest[0][0]) if oldest else 0.0,
        pending=await _count_pending(client, names),
        dead=await client.xlen(names.dead_stream),
    )


async def _count_pending(client: Redis, names: StreamNames) -> int:
    try:
        summary: Any = await client.xpending(names.stream, names.group)
    except ResponseError as error:
        if not str(error).startswith("NOGROUP"):
            raise
        return 0
    return int(summary["pending"])


def entry_age_seconds(entry_id: bytes) -> float:
    """By the clock of Redis, which is in the id, and ours; never negative."""
    return max(0.0, time.time() - int(entry_id.partition(b"-")[0]) / 1000)


async def pending_states(
    client: Redis, names: StreamNames, *, consumer: str | None = None
) -> AsyncIterator[dict[str, Any]]:
    """`message_id` and `times_delivered` of everything pending, in pages."""
    start = "-"
    while True:
        page: Any = await client.xpending_range(
            names.stream, names.group, start, "+", _PAGE, consumer
        )
        for state in page:
            yield state
        if len(page) < _PAGE:
            return
        start = f"({page[-1]['message_id'].decode()}"
