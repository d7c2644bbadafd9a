"""Redis Streams with a consumer group: what was delivered is settled, dead-lettered, released,
or delivered again. Commands of Redis 6.2 only (https://redis.io/commands/?group=stream)."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry import propagate
from opentelemetry.context import Context
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ResponseError

from servicekit.stream.groups import create_group
from servicekit.stream.state import StreamNames, pending_states
from servicekit.telemetry.tracing import untraced

logger = logging.getLogger(__name__)

BLOCK_SECONDS = 2.0
_FIRST_CURSOR = "0-0"
# The in-memory stand-in answers a blocking read at once: without a pause the loop would spin.
_EMPTY_PAUSE_SECONDS = 0.1
# In the words of Redis, and of the stand-in without the stream.
_GROUP_IS_GONE = ("NOGROUP", "The XGROUP subcommand requires the key")


@dataclass(frozen=True, slots=True)
class Entry:
    entry_id: str
    fields: Mapping[bytes, bytes]
    deliveries: int  # this one included


@dataclass(frozen=True, slots=True)
class HashChange:
    """A field of a hash beside the stream: set to `value`, or removed if that is None."""

    key: str
    field: str
    value: str | None = None

    def add_to(self, transaction: Pipeline) -> None:
        if self.value is None:
            transaction.hdel(self.key, self.field)
        else:
            transaction.hset(self.key, self.field, self.value)


def current_traceparent() -> str | None:
    """The trace under way as a W3C `traceparent`; None outside of any."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier.get("traceparent")


def context_from(traceparent: bytes | None) -> Context:
    """The trace that an entry came from; an empty context if it names none that is valid."""
    text = (traceparent or b"").decode("ascii", "replace")
    return propagate.extract({"traceparent": text}, context=Context())


class ConsumerGroup:
    """One consumer of a group. What `read` and `claimed` give out is in flight until it is
    settled, dead-lettered, released, or left for a later delivery.

    Reading and claiming leave no spans: an idle loop would drown everything else.
    """

    def __init__(
        self, client: Redis, names: StreamNames, *, consumer: str, claim_idle_seconds: float
    ) -> None:
        self.client, self.names, self.consumer = client, names, consumer
        self.claim_idle_ms = int(claim_idle_seconds * 1000)
        self.in_flight: dict[str, Entry] = {}
        self._seen = False

    async def create(self) -> bool:
        """Create stream and group so that it begins with the very first entry: one that was
        added before any consumer ran is delivered. False if the group exists.

        A group that was there before and is not now is an alarm; what is still in the stream
        is then delivered again, which is harmless. The stream of dead letters is there from then
        on, too: whoever measures it from outside would call a missing one an error at each turn.
        """
        names = self.names
        with untraced():
            await create_group(self.client, names.dead_stream, names.group)
            if not await create_group(self.client, names.stream, names.group):
                self._seen = True
                return False
        if self._seen:
            logger.error(
                "group %s of stream %s was gone: its Redis lost data. It begins again with the"
                " first entry; reconcile what was accepted with what is stored",
                names.group,
                names.stream,
            )
        self._seen = True
        return True

    async def read(self, count: int) -> list[Entry]:
        """Up to `count` entries never delivered before; waits for the first one up to
        `BLOCK_SECONDS`."""
        began = time.monotonic()
        with untraced():
            try:
                reply: Any = await self.client.xreadgroup(
                    self.names.group,
                    self.consumer,
                    {self.names.stream: ">"},
                    count=count,
                    block=int(BLOCK_SECONDS * 1000),
                )
            except ResponseError as error:
                await self._recreate_after(error)
                return []
        entries = [Entry(entry_id.decode(), fields, 1) for entry_id, fields in _entries_in(reply)]
        if not entries and time.monotonic() - began < BLOCK_SECONDS / 2:
            await asyncio.sleep(_EMPTY_PAUSE_SECONDS)
        self.in_flight.update((entry.entry_id, entry) for entry in entries)
        return entries

    async def claimed(self) -> AsyncGenerator[Entry, None]:
        """Every entry whose consumer has been silent for the claim idle time.

        Each is claimed when it is asked for: what waits behind an entry that kills the process
        must not count as delivered as well.
        """
        names, idle_ms, cursor = self.names, self.claim_idle_ms, _FIRST_CURSOR
        while True:
            with untraced():
                try:
                    reply: Any = await self.client.xautoclaim(
                        names.stream, names.group, self.consumer, idle_ms, cursor, count=1
                    )
                except ResponseError as error:
                    await self._recreate_after(error)
                    return
                entry = await self._first_claimed(reply[1])
            if entry is not None:
                self.in_flight[entry.entry_id] = entry
                yield entry
            cursor = reply[0].decode()
            if cursor == _FIRST_CURSOR:
                return

    async def _first_claimed(self, claimed: list[tuple[bytes | None, Any]]) -> Entry | None:
        for entry_id, fields in claimed:
            if entry_id is None:
                # Redis 6.2 hands out what was deleted from the stream as nil; 7 drops it itself.
                await self._acknowledge_deleted()
            elif state := await self._pending_state(entry_id):
                return Entry(entry_id.decode(), fields, state["times_delivered"])
        return None

    async def _acknowledge_deleted(self) -> None:
        names = self.names
        async for state in pending_states(self.client, names, consumer=self.consumer):
            entry_id = state["message_id"]
            if not await self.client.xrange(names.stream, entry_id, entry_id):
                await self.client.xack(names.stream, names.group, entry_id)

    async def _pending_state(self, entry_id: bytes | str) -> dict[str, Any] | None:
        """None if it is not (any more) pending with this consumer."""
        found = await self.client.xpending_range(
            self.names.stream, self.names.group, entry_id, entry_id, 1, self.consumer
        )
        return dict(found[0]) if found else None

    async def _recreate_after(self, error: ResponseError) -> None:
        if not str(error).startswith(_GROUP_IS_GONE):
            raise error
        # The stand-in closes its connection after every error.
        await self.client.connection_pool.disconnect(inuse_connections=False)
        await self.create()

    async def settle(self, entries: Sequence[Entry], changes: Iterable[HashChange]) -> None:
        """Acknowledge and delete, with the changes beside it, all or nothing. The work must be
        committed before."""
        names, ids = self.names, [entry.entry_id for entry in entries]
        async with self.client.pipeline(transaction=True) as transaction:
            transaction.xack(names.stream, names.group, *ids)
            transaction.xdel(names.stream, *ids)
            for change in changes:
                change.add_to(transaction)
            await transaction.execute()
        self.leave_pending(*entries)

    async def dead_letter(
        self, entry: Entry, about: Mapping[bytes, bytes], change: HashChange | None
    ) -> None:
        """Move to the dead letters with all its fields and what is said `about` it."""
        names = self.names
        async with self.client.pipeline(transaction=True) as transaction:
            transaction.xadd(names.dead_stream, {**entry.fields, **about})  # type: ignore[dict-item]
            transaction.xack(names.stream, names.group, entry.entry_id)
            transaction.xdel(names.stream, entry.entry_id)
            if change is not None:
                change.add_to(transaction)
            await transaction.execute()
        self.leave_pending(entry)

    def leave_pending(self, *entries: Entry) -> None:
        """No longer in flight; if it was not settled, it is delivered again when its claim idle
        time has passed, and that counts."""
        for entry in entries:
            self.in_flight.pop(entry.entry_id, None)

    async def release(self) -> None:
        """Let others claim at once what is in flight, as if it had never been delivered here.
        What another consumer has claimed by now stays there."""
        names = self.names
        try:
            with untraced():
                for entry in list(self.in_flight.values()):
                    if await self._pending_state(entry.entry_id):
                        await self.client.xclaim(
                            *(names.stream, names.group, self.consumer),
                            min_idle_time=0,
                            message_ids=[entry.entry_id],
                            idle=self.claim_idle_ms,
                            retrycount=entry.deliveries - 1,
                            justid=True,
                        )
        except ResponseError as error:
            # With the group everything went that was pending in it.
            await self._recreate_after(error)
        self.in_flight.clear()


def _entries_in(reply: Any) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
    """The entries of the one stream that was read, in either shape of redis-py's replies."""
    parts = reply.values() if isinstance(reply, dict) else [part for _, part in reply or ()]
    return [entry for part in parts for entry in part]
