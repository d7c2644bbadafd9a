"""The time that is left for a request, handed from hop to hop.

A relative budget, like gRPC's `grpc-timeout`, so that clocks of two machines need not agree.
"""

import asyncio
import time
from contextvars import ContextVar
from types import TracebackType

from starlette.types import Scope

from servicekit.problems import DeadlinePassed

# What is left of the request's time as it was sent, in milliseconds.
TIMEOUT_HEADER = "X-Arloji-Timeout-Ms"

_HEADER = TIMEOUT_HEADER.lower().encode()
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def remaining_seconds() -> float | None:
    """Seconds left for the request under way, never negative; None outside of a request."""
    deadline = _deadline.get()
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def require_time() -> None:
    """Raise `DeadlinePassed` if no caller waits for the result any more: drop work before it
    reaches the database."""
    if remaining_seconds() == 0.0:
        raise DeadlinePassed("The deadline passed before the work began.")


class within:
    """Give what runs inside no more than `seconds` of the time that is left; what it sends on
    tells the shorter time. Raises `DeadlinePassed` in place of what it interrupts."""

    __slots__ = ("_before", "_budget", "_limit", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def __aenter__(self) -> None:
        left = remaining_seconds()
        self._budget = self._seconds if left is None else min(self._seconds, left)
        self._before = _deadline.set(time.monotonic() + self._budget)
        self._limit = asyncio.timeout(self._budget)
        await self._limit.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        try:
            await self._limit.__aexit__(kind, error, stack)
        except TimeoutError as passed:
            raise DeadlinePassed(f"No answer within {self._budget:.1f} s.") from passed
        finally:
            _deadline.reset(self._before)


def budget_of(scope: Scope) -> float:
    """The time that the caller of a request leaves it, infinite if that is not said."""
    for name, value in scope["headers"]:
        if name == _HEADER and value.isdigit() and len(value) < 10:
            return int(value) / 1000
    return float("inf")
