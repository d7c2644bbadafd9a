"""Time that a test moves, and how long machines of states are tried."""

import asyncio
import os
from collections.abc import Callable

from hypothesis import settings

STATEFUL = settings(
    max_examples=1000 if os.environ.get("LONG_TESTS") else 30, stateful_step_count=40
)


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class StillLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only in `advance`."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def turn(self, do: Callable[[], object] = lambda: None) -> None:
        """`do` within the loop, and all that is due until nothing is."""
        self.call_soon(do)
        for _ in range(5):
            self.call_soon(self.stop)
            self.run_forever()

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.turn()
