"""What a process remembers is never older than it would be in Redis."""

import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.cache import memory as memory_module
from servicekit.cache import store as store_module
from servicekit.cache.memory import Memory
from servicekit.cache.policy import CachePolicy
from servicekit.cache.store import Entry
from services.service_http.products import CACHE_POLICY


class Clock:
    """Wall and monotonic time that pass alike, until somebody sets the one on the wall."""

    def __init__(self) -> None:
        self.now, self.wall = 1000.0, 1e9

    def time(self) -> float:
        return self.wall + self.now

    def monotonic(self) -> float:
        return self.now


@given(
    st.lists(st.floats(0, 2), min_size=1, max_size=20),
    st.floats(0, 3),
    st.floats(-3600, 3600),
    st.booleans(),
)
def test_an_entry_is_believed_within_two_seconds_of_its_reading_whatever_the_clock_does(
    waits: list[float], age: float, jump: float, exists: bool
) -> None:
    clock: Any = Clock()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store_module, "time", clock)
        patched.setattr(memory_module, "time", clock)
        memory, began = Memory(CACHE_POLICY, 10_000), clock.now
        entry = Entry(b"{}" if exists else None, clock.time() - age)
        memory.remember("any", entry)
        clock.wall += jump
        for wait in waits:
            clock.now += wait
            if memory.recall("any") is not None:
                waited = clock.now - began
                assert waited < 0.5, "whoever unlinks it in Redis is heard soon"
                assert age + waited < (1.7 if exists else 10)


def test_what_was_read_just_now_is_remembered_unless_there_is_no_room() -> None:
    policy = CachePolicy(2, 10, 1000, 3, jitter=0)
    for room, expected in ((0, None), (100, None), (10_000, b"x" * 200)):
        memory = Memory(policy, room)
        memory.remember("any", Entry(b"x" * 200, time.time()))
        found = memory.recall("any")
        assert (found and found.body) == expected


def test_what_is_not_believed_any_more_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Any = Clock()
    monkeypatch.setattr(store_module, "time", clock)
    monkeypatch.setattr(memory_module, "time", clock)
    memory, body = Memory(CACHE_POLICY, 10_000), bytes(200)
    unheld = sys.getrefcount(body)
    memory.remember("one", Entry(body, clock.time()))
    clock.now += 0.1
    memory.remember("another", Entry(b"{}", clock.time()))
    assert sys.getrefcount(body) > unheld
    clock.now += 0.5
    memory.remember("a third", Entry(b"{}", clock.time()))
    assert sys.getrefcount(body) == unheld
