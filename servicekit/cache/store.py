"""Entries of a cache in Redis, and the locks beside them. GET, SET and UNLINK are all it needs."""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import ParamSpec, TypeVar
from zlib import crc32

from redis.exceptions import RedisError, ResponseError

from servicekit.cache.client import CacheClient
from servicekit.circuit_breaker import Breaker

T = TypeVar("T")
P = ParamSpec("P")

_LOCK_MILLISECONDS = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """`read_at` is Unix time *before* the origin was asked: what the entry shows was true then
    or later. No body: known not to exist."""

    body: bytes | None
    read_at: float

    def age_seconds(self) -> float:
        return time.time() - self.read_at


class CacheUnavailable(Exception):
    """The cache cannot be asked."""


class CacheStore:
    """Only `get` tells that the cache is unavailable; the rest then does nothing."""

    def __init__(self, client: CacheClient, *, shape: str, prefix: str) -> None:
        """`shape` names the form of the bodies: an entry of another shape is none. Keys begin
        with `prefix`."""
        self._client, self._shape, self._prefix = client, shape, prefix
        self._breaker = Breaker(failures=3, pause_seconds=1)

    async def get(self, key: str) -> Entry | None:
        """Raises `CacheUnavailable`."""
        try:
            value = await self._call(self._client.get, self._prefix + key)
        except ResponseError:
            return None  # a key of another type; the next entry replaces it
        return decode(value, self._shape) if isinstance(value, bytes) else None

    async def put(self, key: str, entry: Entry, *, seconds: float) -> None:
        with suppress(CacheUnavailable, ResponseError):
            value = encode(entry, self._shape)
            await self._call(self._client.set, self._prefix + key, value, px=int(seconds * 1000))

    async def lock(self, key: str) -> bool:
        """False if another process has the lock, or had it a moment ago: it ends by itself."""
        name = self._lock_name(key)
        try:
            put = await self._call(self._client.set, name, b"1", px=_LOCK_MILLISECONDS, nx=True)
            return bool(put)
        except (CacheUnavailable, ResponseError):
            return True

    async def unlock(self, key: str) -> None:
        with suppress(CacheUnavailable, ResponseError):
            await self._call(self._client.unlink, self._lock_name(key))

    def _lock_name(self, key: str) -> str:
        return f"{self._prefix}lock:{key}"

    async def _call(self, ask: Callable[P, Awaitable[T]], *what: P.args, **options: P.kwargs) -> T:
        """The reply. Raises `CacheUnavailable`, or `ResponseError` if Redis refuses the command."""
        if not self._breaker.allows():
            raise CacheUnavailable
        try:
            reply = await ask(*what, **options)
        except ResponseError:
            self._breaker.succeeded()
            raise
        except (RedisError, OSError) as error:
            self._breaker.failed()
            raise CacheUnavailable from error
        self._breaker.succeeded()
        return reply


def encode(entry: Entry, shape: str) -> bytes:
    """One line about the entry, then its body."""
    body = entry.body or b""
    kind = b"none" if entry.body is None else b"body"
    return b"%s %.6f %s %d\n%s" % (shape.encode(), entry.read_at, kind, crc32(body), body)


def decode(value: bytes, shape: str) -> Entry | None:
    """None for whatever `encode` has not written, of this very shape."""
    head, _, body = value.partition(b"\n")
    match head.split(b" "):
        case [found_shape, read_at, b"body" | b"none" as kind, checksum]:
            if found_shape != shape.encode() or checksum != b"%d" % crc32(body):
                return None
            try:
                return Entry(body if kind == b"body" else None, float(read_at))
            except ValueError:
                return None
        case _:
            return None
