"""Keeps a consumer group free of what dead consumers leave behind, without losing an entry."""

import logging
from typing import Any

from servicekit.stream.consumer_group import ConsumerGroup
from servicekit.stream.state import pending_states
from servicekit.telemetry.tracing import untraced

logger = logging.getLogger(__name__)

_PAGE = 100
# Far longer than any pause of a consumer that still lives.
_SILENT_MS = 3_600_000


async def maintain_group(group: ConsumerGroup, *, silent_ms: int = _SILENT_MS) -> None:
    """Delete consumers that are gone, and deliver again what was delivered to nobody."""
    with untraced():
        await _delete_silent_consumers(group, silent_ms)
        if reclaimed := await _reclaim_orphans(group):
            logger.error("%d entries were pending with no consumer; delivered again", reclaimed)


async def delete_consumer(group: ConsumerGroup) -> None:
    """Delete the own consumer if nothing is pending with it; else its entries stay claimable."""
    with untraced():
        await _delete_if_idle(group, group.consumer)


async def _delete_silent_consumers(group: ConsumerGroup, silent_ms: int) -> None:
    names = group.names
    consumers: Any = await group.client.xinfo_consumers(names.stream, names.group)
    for consumer in consumers:
        name = consumer["name"].decode()
        if consumer["idle"] > silent_ms and name != group.consumer:
            await _delete_if_idle(group, name)


async def _delete_if_idle(group: ConsumerGroup, consumer: str) -> None:
    """XGROUP DELCONSUMER takes pending entries with it, and no command deletes a consumer on
    condition that it has none. Should one have come in between, `_reclaim_orphans` finds it."""
    names = group.names
    if await group.client.xpending_range(names.stream, names.group, "-", "+", 1, consumer):
        return
    if await group.client.xgroup_delconsumer(names.stream, names.group, consumer):
        await _reclaim_orphans(group)


async def _reclaim_orphans(group: ConsumerGroup) -> int:
    """Make claimable what was delivered once, still stands in the stream and is pending with
    nobody. Returns how many entries that were.

    Settling removes from both at the same moment, and reading adds to the pending ones as it
    moves the last delivered id. So nothing is taken for an orphan by mistake if one looks in
    this order: last delivered id, pending ids, stream.
    """
    names = group.names
    groups: Any = await group.client.xinfo_groups(names.stream)
    last = next(
        (one["last-delivered-id"] for one in groups if one["name"].decode() == names.group), None
    )
    if last is None:
        return 0
    pending = {state["message_id"] async for state in pending_states(group.client, names)}
    reclaimed = 0
    start = b"-"
    while True:
        page: Any = await group.client.xrange(names.stream, start, last, count=_PAGE)
        for entry_id, _fields in page:
            if entry_id not in pending:
                await _claim_by_force(group, entry_id)
                reclaimed += 1
        if len(page) < _PAGE:
            return reclaimed
        start = b"(" + page[-1][0]


async def _claim_by_force(group: ConsumerGroup, entry_id: bytes) -> None:
    await group.client.xclaim(
        group.names.stream,
        group.names.group,
        group.consumer,
        min_idle_time=0,
        message_ids=[entry_id],
        idle=group.claim_idle_ms,
        retrycount=0,
        force=True,
        justid=True,
    )
