"""Names of other services to addresses, so that a name that nobody answers for costs nobody else.

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
_PATIENCE_SECONDS = 0.5
# For one of a name whose last look-up did not end within that.
_DOUBT_SECONDS = 0.05
# For this long addresses are used on that cannot be looked up anew; then somebody else may
# have got them.
_KEPT_SECONDS = 600.0
# Between two tries to reach addresses that are only kept, once they did not answer.
_PAUSE_SECONDS = 5.0


class NoAddress(socket.gaierror):
    """The name has none."""


class NoAddressInTime(NoAddress):
    """Its look-up is not answered, or what it had cannot be reached: it may come back."""


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
    kept: Breaker = field(default_factory=lambda: Breaker(failures=1, pause_seconds=_PAUSE_SECONDS))


class Names:
    """Each name has at most one look-up at a time, in a thread of its own; nobody waits long for
    it. If it fails or takes long, the addresses from before are used on. Safe among threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._names: dict[str, _Name] = {}
        self._lock = threading.Lock()

    async def find(self, host: str) -> list[Address]:
        """In random order: the system sorts replicas by their likeness to our own address, and
        one would get every connection. Raises `NoAddress`."""
        if literal := _literal(host):
            return [literal]
        name, running, patience = self._join(host)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                # Whoever leaves does not end it for the others.
                await asyncio.wrap_future(running)
        return self._choose(host, name)

    def find_blocking(self, host: str) -> list[Address]:
        """The same, for a thread."""
        if literal := _literal(host):
            return [literal]
        name, running, patience = self._join(host)
        with suppress(TimeoutError):
            running.result(patience)
        return self._choose(host, name)

    def reached(self, host: str) -> None:
        """One of the addresses answered."""
        if name := self._names.get(host):
            name.kept.succeeded()

    def lost(self, host: str) -> bool:
        """None of the addresses answered. True if they were only kept from before."""
        name = self._names.get(host)
        if name is None or not self._is_kept(name):
            return False
        name.kept.failed()
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
            limit = _DOUBT_SECONDS if name.was_slow else _PATIENCE_SECONDS
            return name, name.running, max(0.0, name.began + limit - self._clock())

    def _look_up(self, host: str, name: _Name) -> None:
        found: tuple[Address, ...] = ()
        error: OSError | None = None
        try:
            found = _ask_system(host)
        except (OSError, UnicodeError) as failure:
            error = failure if isinstance(failure, OSError) else OSError(str(failure))
        with self._lock:
            now, running = self._clock(), name.running
            name.was_slow, name.error = now - name.began > _PATIENCE_SECONDS, error
            if found:
                name.addresses, name.found_at = found, now
                name.kept.succeeded()
            name.running = None
        assert running is not None
        # No exception travels in it: there may be nobody left to take it.
        running.set_result(None)

    def _choose(self, host: str, name: _Name) -> list[Address]:
        with self._lock:
            kept, answered = self._is_kept(name), name.running is None
            known = self._clock() - name.found_at < _KEPT_SECONDS
            if known and (not kept or name.kept.allows()):
                return random.sample(name.addresses, len(name.addresses))
        if known or not answered or name.was_slow:
            raise NoAddressInTime(socket.EAI_AGAIN, f"nobody answers for {host}")
        raise NoAddress(socket.EAI_NONAME, f"{host} has no address: {name.error}")

    def _is_kept(self, name: _Name) -> bool:
        late = name.running is not None and self._clock() - name.began > _DOUBT_SECONDS
        return name.error is not None or name.was_slow or late


# One for the process: what one client has learnt of a name holds for the others.
names = Names()


def _ask_system(host: str) -> tuple[Address, ...]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return tuple(dict.fromkeys(Address(family, str(where[0])) for family, *_, where in found))


def _literal(host: str) -> Address | None:
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    return Address(socket.AF_INET if version == 4 else socket.AF_INET6, host)
