"""How an entry is written down and that nothing else is taken for one; when Redis is asked."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.cache.store import CacheStore, CacheUnavailable, Entry, decode, encode

TIMES = st.floats(min_value=0, max_value=4e9)
BODIES = st.none() | st.binary()


@given(BODIES, TIMES, st.data())
def test_an_entry_comes_back_as_it_was_and_one_changed_byte_makes_it_nothing(
    body: bytes | None, read_at: float, data: st.DataObject
) -> None:
    written = encode(Entry(body, read_at), "shape")
    entry = decode(written, "shape")
    assert entry is not None
    assert entry.body == body
    assert abs(entry.read_at - read_at) < 1e-5
    assert decode(written, "another shape") is None
    changed = bytearray(written)
    if body:
        changed[data.draw(st.integers(written.index(b"\n") + 1, len(written) - 1))] ^= 1
    else:
        changed += b"x"
    assert decode(bytes(changed), "shape") is None


@given(st.binary())
def test_any_other_value_is_nothing(value: bytes) -> None:
    assert decode(value, "shape") is None


class Redis:
    """A client whose server cannot be reached, or takes whatever is set."""

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


async def test_a_cache_that_is_unavailable_is_soon_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
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
