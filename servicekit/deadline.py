"""The time that is left for a request, handed from hop to hop.

A relative budget, like gRPC's `grpc-timeout`, so that clocks of two machines need not agree.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

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


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Give what runs inside no more than `seconds` of the time that is left; what it sends on
    tells the shorter time. Raises `DeadlinePassed` in place of what it interrupts."""
    left = remaining_seconds()
    budget = seconds if left is None else min(seconds, left)
    before = _deadline.set(time.monotonic() + budget)
    limit = asyncio.timeout(budget)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise DeadlinePassed(f"No answer within {budget:.1f} s.") from error
    finally:
        _deadline.reset(before)


class DeadlineMiddleware:
    """Ends a request with `DeadlinePassed` at the earlier of its own limit and the caller's
    budget. What it interrupts is cancelled."""

    def __init__(self, app: ASGIApp, *, timeout_seconds: float) -> None:
        self._app = app
        self._timeout_seconds = timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        async with within(min(self._timeout_seconds, _budget_of(scope))):
            await self._app(scope, receive, send)


def _budget_of(scope: Scope) -> float:
    for name, value in scope["headers"]:
        if name == _HEADER and value.isdigit() and len(value) < 10:
            return int(value) / 1000
    return float("inf")
