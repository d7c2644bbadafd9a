"""Cache-aside: bytes together with the moment at which their origin was asked.

Within its soft TTL an entry is the answer; within its hard TTL it is what remains if the origin
cannot be asked (RFC 5861 calls it stale-if-error). Every failure of the cache itself means one
thing only: the origin is asked.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from opentelemetry import trace

from contracts.telemetry import CACHE_REFRESHED_BY, CACHE_RESULT
from servicekit.cache.store import CacheStore, CacheUnavailable, Entry
from servicekit.deadline import require_time
from servicekit.problems import DeadlinePassed, ServiceUnavailable

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
# Clocks of two machines; what comes from further ahead has no age that could be trusted.
_MAX_CLOCK_SKEW_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """The TTLs are shortened at random by up to the share `jitter`, so that entries which were
    written together do not expire together."""

    soft_ttl_seconds: float
    negative_ttl_seconds: float  # how long to believe that something does not exist
    hard_ttl_seconds: float
    # From this age on an entry calls itself stale, however it came about: a slow origin, too.
    stale_after_seconds: float
    jitter: float = 0.15
    # A slower origin counts as unavailable, if there is an old entry to show.
    origin_timeout_seconds: float = 1.5

    def jittered(self, seconds: float) -> float:
        return seconds * random.uniform(1 - self.jitter, 1)


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
    """Look-ups of the same key at the same time are one (single flight): one command, one question
    to the origin. Between processes a short lock has the same purpose."""

    def __init__(
        self, store: CacheStore, policy: CachePolicy, *, count: Callable[[str], None]
    ) -> None:
        """`count` is told the result of each look-up."""
        self._store, self._policy, self._count = store, policy, count
        self._flights: dict[str, _Flight] = {}

    async def fetch(self, key: str, load: Load, fallback: Fallback | None = None) -> Found:
        """The entry, fresh if at all possible, else the fallback. Raises what `load` raises
        when there is neither."""
        try:
            look_up = await self._join(key, load, fallback)
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
        span = trace.get_current_span()
        span.set_attribute(CACHE_RESULT, result)
        if refreshed_by:
            span.set_attribute(CACHE_REFRESHED_BY, refreshed_by)

    async def close(self) -> None:
        """Wait for the look-ups under way; their callers may have gone long ago."""
        await asyncio.gather(*(one.task for one in self._flights.values()), return_exceptions=True)

    async def _join(self, key: str, load: Load, fallback: Fallback | None) -> _LookUp:
        while True:
            flight = self._flights.get(key)
            is_own = flight is None
            if flight is None:
                task = asyncio.create_task(self._look_up(key, load, fallback))
                flight = _Flight(task, trace.get_current_span().get_span_context())
                self._flights[key] = flight
                task.add_done_callback(lambda done: self._end_flight(key, done))
            else:
                trace.get_current_span().add_link(flight.origin)
            try:
                # A caller that leaves must not take the answer away from the others.
                look_up = await asyncio.shield(flight.task)
            except DeadlinePassed:
                if is_own:
                    raise
                # It was the deadline of whoever asked first.
                require_time()
            else:
                joined = look_up.refreshed_by == SELF and not is_own
                return replace(look_up, refreshed_by=OTHER_REQUEST) if joined else look_up

    def _end_flight(self, key: str, done: "asyncio.Task[_LookUp]") -> None:
        del self._flights[key]
        if not done.cancelled():
            done.exception()  # seen, even if every caller has left

    async def _look_up(self, key: str, load: Load, fallback: Fallback | None) -> _LookUp:
        result = MISS
        try:
            entry = await self._store.get(key)
        except CacheUnavailable:
            entry, result = None, BYPASS
        if entry is not None and self._is_fresh(entry):
            return _LookUp(Found(entry, is_stale=False), NEGATIVE if entry.body is None else HIT)
        old = entry if entry is not None and entry.body is not None else None
        has_old = old is not None or fallback is not None
        try:
            async with asyncio.timeout(self._policy.origin_timeout_seconds if has_old else None):
                fresh, by = await self._refresh(key, load, with_cache=result is MISS)
        except (ServiceUnavailable, TimeoutError):
            if (best := _best_of(old, fallback)) is None:
                raise
            return _LookUp(Found(best, is_stale=True), STALE)
        return _LookUp(Found(fresh, is_stale=False), result, by)

    def _is_fresh(self, entry: Entry) -> bool:
        policy = self._policy
        ttl = policy.negative_ttl_seconds if entry.body is None else policy.soft_ttl_seconds
        return -_MAX_CLOCK_SKEW_SECONDS < entry.age_seconds() < policy.jittered(ttl)

    async def _refresh(self, key: str, load: Load, *, with_cache: bool) -> tuple[Entry, str]:
        """And who asked the origin."""
        if not with_cache:
            return await _ask_origin(load), SELF
        if not await self._store.lock(key) and (entry := await self._wait_for_other(key)):
            return entry, OTHER_PROCESS
        try:
            entry = await _ask_origin(load)
        except BaseException:
            await self._store.unlock(key)
            raise
        policy = self._policy
        ttl = policy.negative_ttl_seconds if entry.body is None else policy.hard_ttl_seconds
        await self._store.put(key, entry, seconds=policy.jittered(ttl))
        return entry, SELF

    async def _wait_for_other(self, key: str) -> Entry | None:
        for seconds in _LOOK_AGAIN_SECONDS:
            await asyncio.sleep(seconds)
            try:
                entry = await self._store.get(key)
            except CacheUnavailable:
                return None
            if entry is not None and self._is_fresh(entry):
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
