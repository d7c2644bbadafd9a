"""A door: how many requests are let in at once, in which order, and who is turned away."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from servicekit.admission.lag import LoopLag
from servicekit.admission.limit import AdaptiveLimit
from servicekit.admission.line import Line, LineSettings

# Every class may have so many under way, whatever the others do: none is starved.
_FOR_EACH = 2

# Why a request is turned away. `left` and `deadline` are what a `Visitor` says.
LIMIT, LAG, LEFT, DEADLINE = "limit", "lag", "left", "deadline"


class Refused(Exception):
    """It is turned away; `reason` is one of the above."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Visitor(Protocol):
    """A request at the door."""

    def lost(self, needs_seconds: float) -> str | None:
        """Why nobody would have anything of its answer, which takes at least so long; None if
        somebody would."""


@dataclass(slots=True)
class _Waiting:
    visitor: Visitor
    let_in: asyncio.Future[None]


class Lane:
    """What one class of requests has of a door. It is let in while less than `share` of the limit
    is taken by all, and while the loop is not later than `lag_seconds` all the time."""

    def __init__(self, name: str, share: float, lag_seconds: float, line: LineSettings) -> None:
        self.name, self.share, self.lag_seconds = name, share, lag_seconds
        self.in_flight = self.coming = 0
        self.line = Line[_Waiting](line)


class Door:
    """`lanes` in the order of their importance. `enter`, or `wait` where that is False, and then
    `leave` exactly once."""

    def __init__(self, lanes: Mapping[str, Lane], limit: AdaptiveLimit, lag: LoopLag) -> None:
        self.lanes, self.limit, self._lag = lanes, limit, lag
        self.in_flight = 0
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, lane: Lane) -> bool:
        """Whether it is let in at once. Raises `Refused` if this process is overloaded."""
        if self._lag.standing > lane.lag_seconds and lane.in_flight:
            raise Refused(LAG)
        if not self._is_open(lane):
            return False
        self.in_flight += 1
        lane.in_flight += 1
        return True

    def may_wait(self, lane: Lane) -> bool:
        """Whether there is any use in it."""
        standing = lane.line.is_standing(asyncio.get_running_loop().time())
        return not standing and lane.line.has_room(lane.coming)

    async def admit(self, lane: Lane, visitor: Visitor) -> None:
        if not self.enter(lane):
            await self.wait(lane, visitor)

    async def wait(self, lane: Lane, visitor: Visitor) -> None:
        """Until it is let in. Raises `Refused` if that does not happen soon."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(visitor, loop.create_future())
        if (first := lane.line.join(waiting, loop.time())) is not None:
            self._refuse(first, LIMIT)
        if self._timer is None:
            self._set_timer()
        try:
            await waiting.let_in
        except asyncio.CancelledError:
            if waiting.let_in.cancelled():
                lane.line.remove(waiting)
            elif waiting.let_in.exception() is None:  # it had been let in just before
                self._release(lane)
            raise

    def leave(self, lane: Lane, seconds: float | None) -> None:
        """What was let in is over and took so long; None if that says nothing."""
        if seconds is not None:
            self.limit.note(seconds, self.in_flight)
        self._release(lane)

    def _is_open(self, lane: Lane) -> bool:
        return (
            self.in_flight < self.limit.value * lane.share or lane.in_flight < _FOR_EACH
        ) and self.in_flight < self.limit.settings.most

    def _release(self, lane: Lane) -> None:
        self.in_flight -= 1
        lane.in_flight -= 1
        for next_lane in self.lanes.values():
            while next_lane.line and self._is_open(next_lane):
                self._let_in(next_lane)

    def _let_in(self, lane: Lane) -> None:
        waiting = lane.line.take_last()
        if waiting is None or waiting.let_in.done():
            return
        if (why := waiting.visitor.lost(self.limit.baseline)) is not None:
            self._refuse(waiting, why)
            return
        self.in_flight += 1
        lane.in_flight += 1
        waiting.let_in.set_result(None)

    # Time ----------------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        expiries = [lane.line.next_expiry(now) for lane in self.lanes.values()]
        if known := [one for one in expiries if one is not None]:
            self._timer = loop.call_at(min(known), self._expire)

    def _expire(self) -> None:
        self._timer, now = None, asyncio.get_running_loop().time()
        for lane in self.lanes.values():
            for waiting in lane.line.expire(now):
                self._refuse(waiting, LIMIT)
        self._set_timer()

    @staticmethod
    def _refuse(waiting: _Waiting, reason: str) -> None:
        if not waiting.let_in.done():
            waiting.let_in.set_exception(Refused(reason))


class Place:
    """What a request holds of a door from the moment on in which its head was read: it is inside,
    or on its way to the queue. Whatever becomes of the request, it is given back."""

    __slots__ = ("_door", "_lane", "is_inside")

    def __init__(self, door: Door, lane: Lane, *, is_inside: bool) -> None:
        self._lane: Lane | None = lane
        self._door, self.is_inside = door, is_inside
        if not is_inside:
            lane.coming += 1

    def give_back(self, seconds: float | None = None) -> None:
        lane, self._lane = self._lane, None
        if lane is None:
            return
        if self.is_inside:
            self._door.leave(lane, seconds)
        else:
            lane.coming -= 1

    def __del__(self) -> None:
        self.give_back()
