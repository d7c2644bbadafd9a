"""Cache-aside: bytes together with the moment at which their origin was asked.

An entry is *fresh* for a short time and *kept* for a long one: within the first it is the
answer, within the second it is what remains if the origin is lost. Every failure of the cache
itself means one thing only: the origin is asked.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from servicekit.cache.store import CacheAway, CacheStore, Entry
from servicekit.deadline import require_time
from servicekit.problems import DeadlinePassed, ServiceUnavailable

# Asks the origin: the bytes, or None for what does not exist. It raises `ServiceUnavailable`
# if the origin is away, and `DeadlinePassed` if the caller's time is over.
Load = Callable[[], Awaitable[bytes | None]]
# What is known without cache and origin, with the time at which it was read.
Remembered = Callable[[], Entry]

# Results of a look-up.
HIT = "hit"
NEGATIVE = "negative"  # known not to exist
MISS = "miss"  # the origin was asked
BYPASS = "bypass"  # the same, since the cache could not be
STALE = "stale"
FAILED = "failed"  # nothing to show

# How long to wait for the process that holds the lock, look by look, before asking oneself.
_LOOK_AGAIN_SECONDS = (0.005, 0.01, 0.02, 0.04, 0.075)
# An entry in the cache gives way to what is remembered if it was read so much later.
_MUCH_LATER_SECONDS = 600.0
# Clocks of two machines; what comes from further ahead has no age that could be trusted.
_MAX_CLOCK_SKEW_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """In seconds. `fresh`, `negative` and `kept` are shortened at random by up to `jitter`, so
    that entries which were written together do not expire together."""

    fresh: float
    negative: float  # how long to believe that something does not exist
    kept: float
    # From this age on an entry calls itself stale, however it came about: a slow origin, too.
    stale: float
    jitter: float = 0.15
    # An origin that is slower than this is as good as away, if there is an old entry to show.
    patience: float = 1.5

    def shorten(self, seconds: float) -> float:
        return seconds * random.uniform(1 - self.jitter, 1)


@dataclass(frozen=True, slots=True)
class Found:
    """`is_stale`: too old to be shown as if it were new, or shown for want of an origin."""

    entry: Entry
    is_stale: bool


class Cache:
    """Look-ups of the same key at the same time are one: one command, one question to the
    origin. Between processes a short lock has the same purpose."""

    def __init__(
        self, store: CacheStore, lifetimes: Lifetimes, *, count: Callable[[str], None]
    ) -> None:
        """`count` is told the result of each look-up."""
        self._store, self._lifetimes, self._count = store, lifetimes, count
        self._flights: dict[str, asyncio.Task[tuple[Found, str]]] = {}

    async def fetch(self, key: str, load: Load, remembered: Remembered | None = None) -> Found:
        """The entry, fresh if at all possible, else what is remembered. Raises what `load` raises
        when there is neither."""
        try:
            found, result = await self._join(key, load, remembered)
        except Exception:
            self._count(FAILED)
            raise
        too_old = found.entry.body is not None and (
            found.entry.age_seconds() > self._lifetimes.stale
        )
        self._count(STALE if too_old else result)
        return Found(found.entry, is_stale=True) if too_old else found

    async def close(self) -> None:
        """Wait for the look-ups under way; their callers may have gone long ago."""
        await asyncio.gather(*self._flights.values(), return_exceptions=True)

    async def _join(self, key: str, load: Load, remembered: Remembered | None) -> tuple[Found, str]:
        while True:
            flight = self._flights.get(key)
            is_own = flight is None
            if flight is None:
                flight = asyncio.create_task(self._look_up(key, load, remembered))
                self._flights[key] = flight
                flight.add_done_callback(lambda done: self._land(key, done))
            try:
                # A caller that leaves must not take the answer away from the others.
                return await asyncio.shield(flight)
            except DeadlinePassed:
                if is_own:
                    raise
                # It was the deadline of whoever asked first.
                require_time()

    def _land(self, key: str, flight: "asyncio.Task[tuple[Found, str]]") -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # seen, even if every caller has left

    async def _look_up(
        self, key: str, load: Load, remembered: Remembered | None
    ) -> tuple[Found, str]:
        result = MISS
        try:
            entry = await self._store.get(key)
        except CacheAway:
            entry, result = None, BYPASS
        if entry is not None and self._is_fresh(entry):
            return Found(entry, is_stale=False), NEGATIVE if entry.body is None else HIT
        old = entry if entry is not None and entry.body is not None else None
        has_old = old is not None or remembered is not None
        try:
            async with asyncio.timeout(self._lifetimes.patience if has_old else None):
                fresh = await self._refresh(key, load, with_cache=result is MISS)
        except (ServiceUnavailable, TimeoutError):
            if (best := _best_of(old, remembered)) is None:
                raise
            return Found(best, is_stale=True), STALE
        return Found(fresh, is_stale=False), result

    def _is_fresh(self, entry: Entry) -> bool:
        limit = self._lifetimes.fresh if entry.body is not None else self._lifetimes.negative
        return -_MAX_CLOCK_SKEW_SECONDS < entry.age_seconds() < self._lifetimes.shorten(limit)

    async def _refresh(self, key: str, load: Load, *, with_cache: bool) -> Entry:
        if not with_cache:
            return await _ask_origin(load)
        if not await self._store.lock(key) and (entry := await self._wait_for_other(key)):
            return entry
        try:
            entry = await _ask_origin(load)
        except BaseException:
            await self._store.unlock(key)
            raise
        kept = self._lifetimes.kept if entry.body is not None else self._lifetimes.negative
        await self._store.put(key, entry, seconds=self._lifetimes.shorten(kept))
        return entry

    async def _wait_for_other(self, key: str) -> Entry | None:
        for seconds in _LOOK_AGAIN_SECONDS:
            await asyncio.sleep(seconds)
            try:
                entry = await self._store.get(key)
            except CacheAway:
                return None
            if entry is not None and self._is_fresh(entry):
                return entry
        return None


def _best_of(old: Entry | None, remembered: Remembered | None) -> Entry | None:
    if remembered is None:
        return old
    other = remembered()
    is_better = old is None or other.read_at - old.read_at > _MUCH_LATER_SECONDS
    return other if is_better else old


async def _ask_origin(load: Load) -> Entry:
    read_at = time.time()
    return Entry(await load(), read_at)
