"""Resolves the names of other services, so that a name without an answer delays no other one.

`getaddrinfo` can only block, for as long as the system likes (ten seconds and more), and nothing
can cancel it. An event loop runs it in a few threads that all names share: some look-ups of one
absent name hold them all, and every other name waits behind it.
"""

import asyncio
import ipaddress
import random
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

from servicekit.circuit_breaker import Breaker

# For a look-up; on one network it takes a millisecond.
_TIMEOUT_SECONDS = 0.5
# For one of a name whose last look-up did not end within that.
_SLOW_TIMEOUT_SECONDS = 0.05
# For this long stale addresses are used, which cannot be looked up anew; then another server may
# have got them.
_MAX_STALE_SECONDS = 600.0
# Between two tries to reach stale addresses, once they did not answer.
_STALE_RETRY_SECONDS = 5.0


class ResolutionFailure(socket.gaierror):
    """The name has no address."""


class TemporaryResolutionFailure(ResolutionFailure):
    """Its look-up is not answered, or its stale addresses cannot be reached: it may come back."""


@dataclass(frozen=True, slots=True)
class Address:
    family: int
    host: str


@dataclass(slots=True)
class _Name:
    # Of the last look-up that found any, and its time.
    addresses: tuple[Address, ...] = ()
    found_at: float = float("-inf")
    # Of the last look-up that ended.
    error: OSError | None = None
    was_slow: bool = False
    running: Future[None] | None = None
    began: float = 0.0
    stale_breaker: Breaker = field(
        default_factory=lambda: Breaker(failures=1, pause_seconds=_STALE_RETRY_SECONDS)
    )


class NameResolver:
    """Each name has at most one look-up at a time, in a thread of its own, for which no caller
    waits long. If it fails or takes long, the stale addresses are used. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._names: dict[str, _Name] = {}
        self._lock = threading.Lock()

    async def resolve(self, host: str) -> list[Address]:
        """In random order: the system sorts replicas by their likeness to our own address, and
        one would get every connection. Raises `ResolutionFailure`."""
        if literal := _literal(host):
            return [literal]
        name, running, timeout = self._join(host)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                # A caller that is cancelled does not cancel it for the others.
                await asyncio.wrap_future(running)
        return self._choose(host, name)

    def resolve_blocking(self, host: str) -> list[Address]:
        """The same, for a thread."""
        if literal := _literal(host):
            return [literal]
        name, running, timeout = self._join(host)
        with suppress(TimeoutError):
            running.result(timeout)
        return self._choose(host, name)

    def mark_reachable(self, host: str) -> None:
        """One of the addresses answered."""
        if name := self._names.get(host):
            name.stale_breaker.succeeded()

    def mark_unreachable(self, host: str) -> bool:
        """None of the addresses answered. True if they were stale."""
        name = self._names.get(host)
        if name is None or not self._is_stale(name):
            return False
        name.stale_breaker.failed()
        return True

    def _join(self, host: str) -> tuple[_Name, Future[None], float]:
        """The look-up under way, begun if there is none, and how long to wait for it."""
        with self._lock:
            name = self._names.setdefault(host, _Name())
            if name.running is None:
                name.running, name.began = Future(), self._clock()
                name.running.set_running_or_notify_cancel()  # a caller cannot cancel it
                threading.Thread(
                    target=self._look_up, args=(host, name), name=f"look-up {host}", daemon=True
                ).start()
            limit = _SLOW_TIMEOUT_SECONDS if name.was_slow else _TIMEOUT_SECONDS
            return name, name.running, max(0.0, name.began + limit - self._clock())

    def _look_up(self, host: str, name: _Name) -> None:
        found: tuple[Address, ...] = ()
        error: OSError | None = None
        try:
            found = _look_up_blocking(host)
        except (OSError, UnicodeError) as failure:
            error = failure if isinstance(failure, OSError) else OSError(str(failure))
        with self._lock:
            now, running = self._clock(), name.running
            name.was_slow, name.error = now - name.began > _TIMEOUT_SECONDS, error
            if found:
                name.addresses, name.found_at = found, now
                name.stale_breaker.succeeded()
            name.running = None
        assert running is not None
        # Without an exception: there may be no caller left to take it.
        running.set_result(None)

    def _choose(self, host: str, name: _Name) -> list[Address]:
        with self._lock:
            stale, answered = self._is_stale(name), name.running is None
            known = self._clock() - name.found_at < _MAX_STALE_SECONDS
            if known and (not stale or name.stale_breaker.allows()):
                return random.sample(name.addresses, len(name.addresses))
        if known or not answered or name.was_slow:
            raise TemporaryResolutionFailure(socket.EAI_AGAIN, f"no answer for {host}")
        raise ResolutionFailure(socket.EAI_NONAME, f"{host} has no address: {name.error}")

    def _is_stale(self, name: _Name) -> bool:
        late = name.running is not None and self._clock() - name.began > _SLOW_TIMEOUT_SECONDS
        return name.error is not None or name.was_slow or late


# One for the process: what one client learns of a name holds for the others.
resolver = NameResolver()


def _look_up_blocking(host: str) -> tuple[Address, ...]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return tuple(dict.fromkeys(Address(family, str(where[0])) for family, *_, where in found))


def _literal(host: str) -> Address | None:
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    return Address(socket.AF_INET if version == 4 else socket.AF_INET6, host)
