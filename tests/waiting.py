"""Waiting with a deadline: the last value that was read is in the failure."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any


def eventually(
    read: Callable[[], Any],
    enough: Callable[[Any], bool] = bool,
    seconds: float = 30,
    pause_seconds: float = 0.05,
) -> Any:
    """Read until it is enough."""
    deadline = time.monotonic() + seconds
    while not enough(value := read()):
        assert time.monotonic() < deadline, f"after {seconds} s still {value!r:.1000}"
        time.sleep(pause_seconds)
    return value


async def eventually_async(
    read: Callable[[], Any], enough: Callable[[Any], bool] = bool, seconds: float = 30
) -> Any:
    """The same without blocking the event loop; what is read may be an awaitable."""
    deadline = time.monotonic() + seconds
    while True:
        value = read()
        if inspect.isawaitable(value):
            value = await value
        if enough(value):
            return value
        assert time.monotonic() < deadline, f"after {seconds} s still {value!r:.1000}"
        await asyncio.sleep(0.02)
