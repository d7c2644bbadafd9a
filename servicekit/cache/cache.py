"""Cache-aside: bytes together with the moment at which their origin was asked.

Within its soft TTL an entry is the answer; within its hard TTL it is what remains if the origin
cannot be asked (RFC 5861 calls it stale-if-error). Every failure of the cache itself means one
thing only: the origin is asked.

In front of the store lies this process's own memory. What it holds is as old as it was in the
store: each entry has its moment with it, so no layer can make it younger.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from opentelemetry import trace

from contracts.telemetry import CACHE_REFRESHED_BY, CACHE_RESULT
from servicekit.cache.memory import Memory
from servicekit.cache.policy import CachePolicy
from servicekit.cache.store import CacheStore, CacheUnavailable, Entry
from servicekit.deadline import require_time
from servicekit.problems import DeadlinePassed, ServiceUnavailable
from servicekit.telemetry.current_span import current_context, span_in

# Asks the origin: the bytes, or None for what does not exist. It raises `ServiceUnavailable`
# if the origin is unavailable, and `DeadlinePassed` if the caller's time is over.
Load = Callable[[], Awaitable[bytes | None]]
# What is known without cache and origin, with the time at which it was read.
Fallback = Callable[[], Entry]

# Results of a look-up.
HIT = "hit"
NEGATIVE = "negative"  # known not to exist
MISS = "miss"  # the origin was asked
BYPASS = "bypass"  # the same, since the cache could not be
STALE = "stale"
FAILED = "failed"  # nothing to show

# Who asked the origin.
SELF = "self"
OTHER_REQUEST = "other request"  # of this process: the look-up was one
OTHER_PROCESS = "other process"  # the lock was its own

# How long to wait for the process that holds the lock, look by look, before asking oneself.
_LOOK_AGAIN_SECONDS = (0.005, 0.01, 0.02, 0.04, 0.075)
# An entry in the cache gives way to the fallback if that was read so much later.
_MUCH_LATER_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Found:
    """`is_stale`: too old to be shown as if it were new, or shown for want of an origin."""

    entry: Entry
    is_stale: bool


@dataclass(frozen=True, slots=True)
class _LookUp:
    found: Found
    result: str
    refreshed_by: str = ""


@dataclass(frozen=True, slots=True)
class _Flight:
    task: "asyncio.Task[_LookUp]"
    origin: trace.SpanContext  # its spans are in the trace of whoever came first


class Cache:
    """Questions to the origin about the same key at the same time are one (single flight). Between
    processes a short lock has the same purpose for what is to be refreshed."""

    def __init__(
        self,
        store: CacheStore,
        policy: CachePolicy,
        *,
        count: Callable[[str], None],
        memory_bytes: int = 0,
    ) -> None:
        """`count` is told the result of each look-up."""
        self._store, self._policy, self._count = store, policy, count
        self._flights: dict[str, _Flight] = {}
        self._memory = Memory(policy, memory_bytes)

    async def fetch(self, key: str, load: Load, fallback: Fallback | None = None) -> Found:
        """The entry, fresh if at all possible, else the fallback. Raises what `load` raises
        when there is neither."""
        entry, old, result = self._memory.recall(key), None, MISS
        if entry is None and key not in self._flights:
            try:
                old = await self._store.get(key)
            except CacheUnavailable:
                result = BYPASS
            if old is not None and self._policy.is_fresh(old):
                entry = old
                self._memory.remember(key, entry)
            else:
                # Somebody else may have had the answer meanwhile.
                entry = self._memory.recall(key)
        if entry is not None:
            self._conclude(NEGATIVE if entry.body is None else HIT)
            return Found(entry, is_stale=False)
        return await self._find(key, lambda: self._look_up(key, load, fallback, old, result))

    async def _find(
        self, key: str, look_up_once: Callable[[], Coroutine[Any, Any, _LookUp]]
    ) -> Found:
        try:
            look_up = await self._join(key, look_up_once)
        except Exception:
            self._conclude(FAILED)
            raise
        entry = look_up.found.entry
        too_old = entry.body is not None and (
            entry.age_seconds() > self._policy.stale_after_seconds
        )
        self._conclude(STALE if too_old else look_up.result, look_up.refreshed_by)
        return Found(entry, is_stale=True) if too_old else look_up.found

    def _conclude(self, result: str, refreshed_by: str = "") -> None:
        self._count(result)
        span = span_in(current_context())
        span.set_attribute(CACHE_RESULT, result)
        if refreshed_by:
            span.set_attribute(CACHE_REFRESHED_BY, refreshed_by)

    async def close(self) -> None:
        """Wait for the look-ups under way; their callers may have gone long ago."""
        await asyncio.gather(*(one.task for one in self._flights.values()), return_exceptions=True)

    async def _join(self, key: str, look_up: Callable[[], Coroutine[Any, Any, _LookUp]]) -> _LookUp:
        while True:
            flight = self._flights.get(key)
            is_own = flight is None
            if flight is None:
                task = asyncio.create_task(look_up())
                flight = _Flight(task, trace.get_current_span().get_span_context())
                self._flights[key] = flight
                task.add_done_callback(lambda done: self._end_flight(key, done))
            else:
                trace.get_current_span().add_link(flight.origin)
            try:
                # A caller that leaves must not take the answer away from the others.
                found = await asyncio.shield(flight.task)
            except DeadlinePassed:
                if is_own:
                    raise
                # It was the deadline of whoever asked first.
                require_time()
            else:
                joined = found.refreshed_by == SELF and not is_own
                return replace(found, refreshed_by=OTHER_REQUEST) if joined else found

    def _end_flight(self, key: str, done: "asyncio.Task[_LookUp]") -> None:
        del self._flights[key]
        if not done.cancelled():
            done.exception()  # seen, even if every caller has left

    async def _look_up(
        self, key: str, load: Load, fallback: Fallback | None, found: Entry | None, result: str
    ) -> _LookUp:
        """Of what is not, or no longer, in the store; `result` says why not."""
        old = found if found is not None and found.body is not None else None
        has_old = old is not None or fallback is not None
        try:
            async with asyncio.timeout(self._policy.origin_timeout_seconds if has_old else None):
                if result == BYPASS:
                    fresh, by = await _ask_origin(load), SELF
                else:
                    fresh, by = await self._refresh(key, load, is_known=found is not None)
        except (ServiceUnavailable, TimeoutError):
            if (best := _best_of(old, fallback)) is None:
                raise
            return _LookUp(Found(best, is_stale=True), STALE)
        self._memory.remember(key, fresh)
        return _LookUp(Found(fresh, is_stale=False), result, by)

    async def _refresh(self, key: str, load: Load, *, is_known: bool) -> tuple[Entry, str]:
        """And who asked the origin. Only what is known and too old is locked, since all processes
        notice that at about the same time; the lock is left to end by itself, which it has done
        long before the entry is too old again."""
        locked = is_known and await self._store.lock(key)
        if is_known and not locked and (entry := await self._wait_for_other(key)):
            return entry, OTHER_PROCESS
        try:
            entry = await _ask_origin(load)
        except BaseException:
            if locked:
                await self._store.unlock(key)
            raise
        await self._store.put(key, entry, seconds=self._policy.kept_seconds(entry))
        return entry, SELF

    async def _wait_for_other(self, key: str) -> Entry | None:
        for seconds in _LOOK_AGAIN_SECONDS:
            await asyncio.sleep(seconds)
            try:
                entry = await self._store.get(key)
            except CacheUnavailable:
                return None
            if entry is not None and self._policy.is_fresh(entry):
                return entry
        return None


def _best_of(old: Entry | None, fallback: Fallback | None) -> Entry | None:
    if fallback is None:
        return old
    other = fallback()
    is_better = old is None or other.read_at - old.read_at > _MUCH_LATER_SECONDS
    return other if is_better else old


async def _ask_origin(load: Load) -> Entry:
    read_at = time.time()
    return Entry(await load(), read_at)
