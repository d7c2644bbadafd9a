"""How many requests are admitted at once, in which order, and which are rejected."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from servicekit.admission.lag import LoopLag
from servicekit.admission.lifo_queue import LifoQueue, QueueSettings
from servicekit.admission.limit import AdaptiveLimit

# Of the limit, and so many at least, whatever the other classes do: none is starved.
LEAST_SHARE_PER_CLASS, MIN_CONCURRENCY_PER_CLASS = 0.25, 2

# Why a request is rejected. `left` and `deadline` are what it says itself.
LIMIT, LAG, LEFT, DEADLINE = "limit", "lag", "left", "deadline"


class Rejected(Exception):
    """`reason` is one of the above."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WaitingRequest(Protocol):
    def lost(self, needs_seconds: float) -> str | None:
        """Why nobody would have anything of its answer, which takes at least so long; None if
        somebody would."""


@dataclass(slots=True)
class _Waiter:
    request: WaitingRequest
    admitted: asyncio.Future[None]


class PriorityClass:
    """What one class of requests has of a limiter. It is admitted while less than `share` of the
    limit is taken by all, and while the loop is not later than `lag_seconds` all the time."""

    def __init__(self, name: str, share: float, lag_seconds: float, queue: QueueSettings) -> None:
        self.name, self.share, self.lag_seconds = name, share, lag_seconds
        # `coming` are on their way to the queue.
        self.in_flight = self.coming = 0
        self.queue = LifoQueue[_Waiter](queue)


class ConcurrencyLimiter:
    """`classes` in the order of their importance. Each request that `acquire` has admitted, or
    `try_acquire` by True, is followed by `release`."""

    def __init__(
        self, classes: Mapping[str, PriorityClass], limit: AdaptiveLimit, lag: LoopLag
    ) -> None:
        self.classes, self.limit, self._lag = classes, limit, lag
        self.in_flight = 0
        self._timer: asyncio.TimerHandle | None = None

    def try_acquire(self, kind: PriorityClass) -> bool:
        """Whether it is admitted at once. Raises `Rejected` if this process is overloaded."""
        if self._lag.standing > kind.lag_seconds and kind.in_flight:
            raise Rejected(LAG)
        if not self._has_capacity(kind):
            return False
        self.in_flight += 1
        kind.in_flight += 1
        return True

    def may_wait(self, kind: PriorityClass) -> bool:
        """Whether there is any use in it: not soon after the queue has stood."""
        stood = kind.queue.stood_lately(asyncio.get_running_loop().time())
        return not stood and kind.queue.has_room(kind.coming)

    async def acquire(self, kind: PriorityClass, request: WaitingRequest) -> None:
        """Returns once it is admitted. Raises `Rejected` if that does not happen soon."""
        if not self.try_acquire(kind):
            await self.wait(kind, request)

    def release(self, kind: PriorityClass, seconds: float | None) -> None:
        """It is over and took so long; None if that says nothing."""
        if seconds is not None:
            self.limit.note(seconds, self.in_flight)
        self._free(kind)

    def _has_capacity(self, kind: PriorityClass) -> bool:
        limit = self.limit.value
        return (
            self.in_flight < limit * kind.share
            or kind.in_flight < max(MIN_CONCURRENCY_PER_CLASS, limit * LEAST_SHARE_PER_CLASS)
        ) and self.in_flight < self.limit.settings.most

    async def wait(self, kind: PriorityClass, request: WaitingRequest) -> None:
        """Of who was not admitted at once. Raises `Rejected` if that does not happen soon."""
        loop = asyncio.get_running_loop()
        waiter = _Waiter(request, loop.create_future())
        if (oldest := kind.queue.push(waiter, loop.time())) is not None:
            self._reject(oldest, LIMIT)
        if self._timer is None:
            self._set_timer()
        try:
            await waiter.admitted
        except asyncio.CancelledError:
            if waiter.admitted.cancelled():
                kind.queue.remove(waiter)
            elif waiter.admitted.exception() is None:  # it had been admitted just before
                self._free(kind)
            raise

    def _free(self, kind: PriorityClass) -> None:
        self.in_flight -= 1
        kind.in_flight -= 1
        # Without a timer nobody waits.
        for other in () if self._timer is None else self.classes.values():
            while other.queue and self._has_capacity(other):
                self._admit_newest(other)

    def _admit_newest(self, kind: PriorityClass) -> None:
        waiter = kind.queue.pop()
        if waiter is None or waiter.admitted.done():
            return
        if (why := waiter.request.lost(self.limit.baseline)) is not None:
            self._reject(waiter, why)
            return
        self.in_flight += 1
        kind.in_flight += 1
        waiter.admitted.set_result(None)

    # Time ----------------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        expiries = [kind.queue.next_expiry(now) for kind in self.classes.values()]
        if known := [one for one in expiries if one is not None]:
            self._timer = loop.call_at(min(known), self._expire)

    def _expire(self) -> None:
        self._timer, now = None, asyncio.get_running_loop().time()
        for kind in self.classes.values():
            for waiter in kind.queue.expire(now):
                self._reject(waiter, LIMIT)
        self._set_timer()

    @staticmethod
    def _reject(waiter: _Waiter, reason: str) -> None:
        if not waiter.admitted.done():
            waiter.admitted.set_exception(Rejected(reason))


class UnlimitedLimiter(ConcurrencyLimiter):
    """Admits everything."""

    def try_acquire(self, kind: PriorityClass) -> bool:
        self.in_flight += 1
        kind.in_flight += 1
        return True

    def release(self, kind: PriorityClass, seconds: float | None) -> None:
        self.in_flight -= 1
        kind.in_flight -= 1


class Permit:
    """What a request holds from the moment on in which its head was read: it is admitted, or on its
    way to the queue. Whatever becomes of the request, it is released."""

    __slots__ = ("_kind", "_limiter", "is_admitted")

    def __init__(
        self, limiter: ConcurrencyLimiter, kind: PriorityClass, *, is_admitted: bool
    ) -> None:
        self._kind: PriorityClass | None = kind
        self._limiter, self.is_admitted = limiter, is_admitted
        if not is_admitted:
            kind.coming += 1

    def release(self, seconds: float | None = None) -> None:
        kind, self._kind = self._kind, None
        if kind is None:
            return
        if self.is_admitted:
            self._limiter.release(kind, seconds)
        else:
            kind.coming -= 1

    def __del__(self) -> None:
        self.release()
