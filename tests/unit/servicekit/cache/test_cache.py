"""What the cache does with its store and its origin, without either."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from servicekit.cache.cache import Cache
from servicekit.cache.policy import CachePolicy
from servicekit.cache.store import CacheUnavailable, Entry
from servicekit.problems import DeadlinePassed, ServiceUnavailable
from servicekit.telemetry.tracing import tracer

POLICY = CachePolicy(
    soft_ttl_seconds=2,
    stale_after_seconds=3,
    negative_ttl_seconds=10,
    hard_ttl_seconds=1000,
    jitter=0.2,
    origin_timeout_seconds=0.05,
)


class Store:
    """Has one entry, or none, and notes what else it is asked."""

    def __init__(self, entry: Entry | None = None) -> None:
        self.entry, self.asked = entry, list[str]()
        self.ttls: list[float] = []
        self.lock_is_free = self.available = True

    async def get(self, _key: str) -> Entry | None:
        if not self.available:
            raise CacheUnavailable
        return self.entry

    async def lock(self, _key: str) -> bool:
        self.asked.append("lock")
        return self.lock_is_free

    async def unlock(self, _key: str) -> None:
        self.asked.append("unlock")

    async def put(self, _key: str, _entry: Entry, *, seconds: float) -> None:
        self.asked.append("put")
        self.ttls.append(seconds)


class Origin:
    """Answers when it may; counts how often it was asked."""

    def __init__(self, body: bytes | None = b"new", *, at_once: bool = True) -> None:
        self.body, self.asked = body, 0
        self.began, self.may_answer = asyncio.Event(), asyncio.Event()
        if at_once:
            self.may_answer.set()

    async def __call__(self) -> bytes | None:
        self.asked += 1
        self.began.set()
        await self.may_answer.wait()
        return self.body


async def answering() -> bytes:
    return b"new"


async def silent() -> bytes:
    await asyncio.Event().wait()
    return b"never"


async def unavailable() -> bytes:
    raise ServiceUnavailable("unavailable")


def cache_of(store: Any, count: Callable[[str], None] = lambda _result: None) -> Cache:
    return Cache(store, POLICY, count=count)


def patient_cache_of(store: Any) -> Cache:
    policy = replace(POLICY, origin_timeout_seconds=30)
    return Cache(store, policy, count=lambda _result: None)


def aged(body: bytes | None, seconds: float) -> Entry:
    return Entry(body, time.time() - seconds)


@pytest.mark.parametrize(
    ("stored", "load", "body", "result"),
    [
        (None, answering, b"new", "miss"),
        ((b"old", 1), answering, b"old", "hit"),
        ((b"old", 2.1), answering, b"new", "miss"),
        ((b"old", 900), answering, b"new", "miss"),
        ((b"old", 1), unavailable, b"old", "hit"),
        ((b"old", 2.1), unavailable, b"old", "stale"),
        ((b"old", 900), unavailable, b"old", "stale"),
        ((b"old", 900), silent, b"old", "stale"),
        # Of a clock that is far ahead.
        ((b"old", -3600), answering, b"new", "miss"),
        ((None, 7), answering, None, "negative"),
        ((None, 11), answering, b"new", "miss"),
        # That something does not exist is not shown for want of an origin.
        ((None, 11), unavailable, None, "failed"),
        (None, unavailable, None, "failed"),
    ],
)
async def test_an_entry_is_the_answer_or_remains_if_the_origin_cannot_be_asked(
    stored: tuple[bytes | None, float] | None,
    load: Callable[[], Awaitable[bytes | None]],
    body: bytes | None,
    result: str,
) -> None:
    entry = None if stored is None else aged(*stored)
    counted: list[str] = []
    fetching = cache_of(Store(entry), counted.append).fetch("any", load)
    if result == "failed":
        with pytest.raises(ServiceUnavailable):
            await fetching
    else:
        found = await fetching
        assert (found.entry.body, found.is_stale) == (body, result == "stale")
    assert counted == [result]


@pytest.mark.parametrize("waited", [0.5, 3.1])
async def test_what_a_slow_origin_said_is_as_old_as_the_question(
    monkeypatch: pytest.MonkeyPatch, waited: float
) -> None:
    """A sale that is committed while the origin answers may not be in the answer."""
    asked_at = now = 1e9

    async def slow() -> bytes:
        nonlocal now
        now += waited
        return b"new"

    for module in ("cache", "store"):
        clock = SimpleNamespace(time=lambda: now)
        monkeypatch.setattr(f"servicekit.cache.{module}.time", clock)
    found = await cache_of(Store()).fetch("any", slow)
    assert (found.entry.read_at, found.is_stale) == (asked_at, waited > 3)


async def test_without_the_store_the_origin_alone_is_asked() -> None:
    store, counted = Store(), list[str]()
    store.available = False
    found = await cache_of(store, counted.append).fetch("any", Origin())
    assert (found.entry.body, counted, store.asked) == (b"new", ["bypass"], [])


async def test_each_caller_s_span_says_how_it_ended_and_who_asked_the_origin(
    spans: InMemorySpanExporter,
) -> None:
    store, origin = Store(), Origin(at_once=False)
    cache = patient_cache_of(store)

    async def request(name: str) -> None:
        with tracer().start_as_current_span(name):
            await cache.fetch("any", origin)

    together = [asyncio.create_task(request(name)) for name in ("first", "second")]
    await origin.began.wait()
    origin.may_answer.set()
    await asyncio.gather(*together)
    store.entry, store.lock_is_free = aged(b"old", 900), False
    waiting = asyncio.create_task(request("waiting"))
    await asyncio.wait([waiting], timeout=0.02)
    store.entry = aged(b"of another", 0)
    await waiting
    await request("last")
    first, second, *others = spans.get_finished_spans()
    assert first.context is not None
    assert [link.context for link in second.links] == [first.context]
    assert [dict(span.attributes or {}) for span in (first, second, *others)] == [
        {"arloji.cache.result": "miss", "arloji.cache.refreshed_by": "self"},
        {"arloji.cache.result": "miss", "arloji.cache.refreshed_by": "other request"},
        {"arloji.cache.result": "miss", "arloji.cache.refreshed_by": "other process"},
        {"arloji.cache.result": "hit"},
    ]


async def test_only_what_is_refreshed_is_locked_and_a_failure_releases_it() -> None:
    store = Store(aged(b"old", 900))
    assert (await cache_of(store).fetch("any", unavailable)).is_stale
    assert store.asked == ["lock", "unlock"]
    store = Store()
    await cache_of(store).fetch("any", Origin())
    assert store.asked == ["put"]


@pytest.mark.parametrize(("body", "longest"), [(b"{}", 1000), (None, 10)])
async def test_entries_that_were_written_together_do_not_end_together(
    body: bytes | None, longest: float
) -> None:
    store = Store()
    for _ in range(50):
        await cache_of(store).fetch("any", Origin(body))
    assert longest * 0.8 <= min(store.ttls) < max(store.ttls) <= longest


@pytest.mark.parametrize("body", [b"{}", None])
async def test_many_at_once_ask_once_whoever_leaves(body: bytes | None) -> None:
    """And the end waits for the look-up."""
    store, origin = Store(), Origin(body, at_once=False)
    cache = cache_of(store)
    callers = [asyncio.create_task(cache.fetch("any", origin)) for _ in range(100)]
    await origin.began.wait()
    for leaver in callers[:3]:
        leaver.cancel()
    closing = asyncio.create_task(cache.close())
    await asyncio.wait([closing], timeout=0.05)
    assert not closing.done()
    origin.may_answer.set()
    await closing
    assert [caller.cancelled() for caller in callers] == [True] * 3 + [False] * 97
    assert {(await caller).entry.body for caller in callers[3:]} == {body}
    assert (origin.asked, store.asked) == (1, ["put"])


async def test_the_deadline_of_the_first_caller_is_not_that_of_the_others() -> None:
    origin, counted = Origin(at_once=False), list[str]()

    async def load() -> bytes | None:
        body = await origin()
        if origin.asked == 1:
            raise DeadlinePassed("of the first caller")
        return body

    cache = cache_of(Store(), counted.append)
    first, second = (asyncio.create_task(cache.fetch("any", load)) for _ in range(2))
    await origin.began.wait()
    origin.may_answer.set()
    with pytest.raises(DeadlinePassed):
        await first
    assert (await second).entry.body == b"new"
    assert counted == ["failed", "miss"]


@pytest.mark.parametrize("comes", [True, False])
async def test_a_process_waits_for_another_one_that_asks_but_not_long(comes: bool) -> None:
    store, origin = Store(aged(b"old", 900)), Origin()
    store.lock_is_free = False
    waiting = asyncio.create_task(patient_cache_of(store).fetch("any", origin))
    await asyncio.wait([waiting], timeout=0.02)
    assert not waiting.done()
    if comes:
        store.entry = aged(b"of the other", 0)
    body = b"of the other" if comes else b"new"
    assert ((await waiting).entry.body, origin.asked) == (body, 0 if comes else 1)


@pytest.mark.parametrize(
    ("old_age", "fallback_age", "shown"),
    [(60, 0, b"old"), (700, 0, b"fallback"), (60, 700, b"old"), (None, 700, b"fallback")],
)
async def test_of_two_old_answers_one_that_is_much_later_wins(
    old_age: float | None, fallback_age: float, shown: bytes
) -> None:
    store = Store(None if old_age is None else aged(b"old", old_age))
    fallback = aged(b"fallback", fallback_age)
    found = await cache_of(store).fetch("any", unavailable, lambda: fallback)
    assert (found.entry.body, found.is_stale) == (shown, True)
