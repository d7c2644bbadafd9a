"""What the cache does with its store and its origin, without either."""

import asyncio
import time
from typing import Any

import pytest

from servicekit.cache.cache import Cache, CachePolicy
from servicekit.cache.store import CacheStore, CacheUnavailable, Entry
from servicekit.problems import ServiceUnavailable

POLICY = CachePolicy(
    soft_ttl_seconds=2,
    stale_after_seconds=3,
    negative_ttl_seconds=10,
    hard_ttl_seconds=1000,
    jitter=0.2,
)


class Store:
    """Has one entry, or none, and notes what else it is asked."""

    def __init__(self, entry: Entry | None = None) -> None:
        self.entry, self.asked = entry, list[str]()
        self.lifetimes: list[float] = []

    async def get(self, _key: str) -> Entry | None:
        return self.entry

    async def lock(self, _key: str) -> bool:
        self.asked.append("lock")
        return True

    async def unlock(self, _key: str) -> None:
        self.asked.append("unlock")

    async def put(self, _key: str, _entry: Entry, *, seconds: float) -> None:
        self.asked.append("put")
        self.lifetimes.append(seconds)


def cache_of(store: Any) -> Cache:
    return Cache(store, POLICY, count=lambda _result: None)


async def away() -> bytes:
    raise ServiceUnavailable("away")


async def test_an_origin_that_fails_gives_the_lock_back() -> None:
    store = Store()
    with pytest.raises(ServiceUnavailable):
        await cache_of(store).fetch("any", away)
    assert store.asked == ["lock", "unlock"]


@pytest.mark.parametrize(("body", "longest"), [(b"{}", 1000), (None, 10)])
async def test_entries_that_were_written_together_do_not_end_together(
    body: bytes | None, longest: float
) -> None:
    store = Store()

    async def load() -> bytes | None:
        return body

    for _ in range(50):
        await cache_of(store).fetch("any", load)
    assert longest * 0.8 <= min(store.lifetimes) < max(store.lifetimes) <= longest


async def test_the_end_waits_for_a_look_up_whose_caller_has_left() -> None:
    store, asked, go_on = Store(), asyncio.Event(), asyncio.Event()

    async def load() -> bytes:
        asked.set()
        await go_on.wait()
        return b"{}"

    cache = cache_of(store)
    caller = asyncio.create_task(cache.fetch("any", load))
    await asked.wait()
    caller.cancel()
    closing = asyncio.create_task(cache.close())
    await asyncio.wait([closing], timeout=0.05)
    assert not closing.done()
    go_on.set()
    await closing
    assert store.asked == ["lock", "put"]


@pytest.mark.parametrize(
    ("old_age", "remembered_age", "shown"),
    [(60, 0, b"old"), (700, 0, b"remembered"), (60, 700, b"old"), (None, 700, b"remembered")],
)
async def test_of_two_old_answers_one_that_is_much_later_wins(
    old_age: float | None, remembered_age: float, shown: bytes
) -> None:
    now = time.time()
    store = Store(None if old_age is None else Entry(b"old", now - old_age))
    remembered = Entry(b"remembered", now - remembered_age)
    found = await cache_of(store).fetch("any", away, lambda: remembered)
    assert (found.entry.body, found.is_stale) == (shown, True)


class Redis:
    """A client whose server is away, or has what nobody gives back."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.asked = error, list[dict[str, Any]]()

    async def get(self, *_: Any) -> None:
        self.asked.append({})
        if self.error:
            raise self.error

    async def set(self, *_: Any, **options: Any) -> bool:
        self.asked.append(options)
        return True


def store_at(client: Any) -> CacheStore:
    return CacheStore(client, shape="shape", prefix="c:")


async def test_a_cache_that_is_away_is_soon_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Redis(ConnectionError("refused"))
    store = store_at(client)
    # Failures that come together would count as one.
    monkeypatch.setattr(store._breaker, "_together_seconds", 0)
    for _ in range(10):
        with pytest.raises(CacheUnavailable):
            await store.get("any")
    assert len(client.asked) == 3


async def test_a_lock_is_taken_by_one_only_and_ends_by_itself_in_a_moment() -> None:
    client = Redis()
    assert await store_at(client).lock("any")
    assert client.asked == [{"nx": True, "px": 500}]
