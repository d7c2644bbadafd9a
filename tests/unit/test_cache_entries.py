"""How an entry is written down, and that nothing else is taken for one."""

from hypothesis import given
from hypothesis import strategies as st

from servicekit.cache.cache import CachePolicy
from servicekit.cache.store import Entry, decode, encode

TIMES = st.floats(min_value=0, max_value=4e9)
BODIES = st.none() | st.binary()


@given(BODIES, TIMES)
def test_an_entry_comes_back_as_it_was(body: bytes | None, read_at: float) -> None:
    entry = decode(encode(Entry(body, read_at), "shape"), "shape")
    assert entry is not None
    assert entry.body == body
    assert abs(entry.read_at - read_at) < 1e-5


@given(BODIES, TIMES, st.data())
def test_one_changed_byte_of_the_body_makes_it_nothing(
    body: bytes | None, read_at: float, data: st.DataObject
) -> None:
    value = bytearray(encode(Entry(body, read_at), "shape"))
    start = value.index(b"\n") + 1
    if body:
        value[data.draw(st.integers(start, len(value) - 1))] ^= 1
    else:
        value += b"x"
    assert decode(bytes(value), "shape") is None


@given(st.binary())
def test_any_other_value_is_nothing(value: bytes) -> None:
    assert decode(value, "shape") is None


def test_an_entry_of_another_shape_is_nothing() -> None:
    assert decode(encode(Entry(b"{}", 1.0), "older"), "shape") is None


def test_lifetimes_are_shortened_and_never_lengthened() -> None:
    policy = CachePolicy(1, 1, 1, 1, jitter=0.15)
    drawn = [policy.jittered(100) for _ in range(200)]
    assert 85 <= min(drawn) < max(drawn) <= 100
