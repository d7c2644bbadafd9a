"""What there is one of for each event loop."""

import asyncio
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Call it with a loop. What is made for one must not keep it alive."""

    def __init__(self, create: Callable[[asyncio.AbstractEventLoop], T]) -> None:
        self._create = create
        self._made = weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, T]()
        # A service has one loop, and asks for this several times a request.
        self._latest: tuple[weakref.ref[asyncio.AbstractEventLoop], T] | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop) -> T:
        if self._latest is not None and self._latest[0]() is loop:
            return self._latest[1]
        if (made := self._made.get(loop)) is None:
            made = self._made[loop] = self._create(loop)
        self._latest = weakref.ref(loop), made
        return made
