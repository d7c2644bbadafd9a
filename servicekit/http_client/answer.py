"""The answer to one request, while it arrives."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Protocol

Headers = list[tuple[bytes, bytes]]

# More than this waits for the reader before the other side may send more. So an answer up to about
# this size is there at once, and a larger one comes in pieces.
BUFFER_BYTES = 64 * 1024


class Source(Protocol):
    """Where an answer comes from."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def abort(self) -> None: ...


class Answer:
    """Leave it by `with`, or `close` it: what has not arrived by then is given up, together with
    its connection. An answer that is whole has given its connection back already.

    `headers` are as they came, with names in lower case. What fails is raised by whoever waits.
    """

    __slots__ = ("_failure", "_pieces", "_size", "_source", "_waiter", "headers", "status", "whole")

    def __init__(self, source: Source) -> None:
        self.status, self.whole = 0, False
        self.headers: Headers = []
        self._source: Source | None = source
        self._pieces: list[bytes] = []
        self._size = 0
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def header(self, name: bytes) -> bytes:
        """Its first value; empty if there is none."""
        return next((value for key, value in self.headers if key == name), b"")

    async def is_small(self) -> bool:
        """True once it is whole, False once there is more of it than `BUFFER_BYTES`."""
        while not self.whole and self._size <= BUFFER_BYTES:
            await self.changed()
        return self.whole

    def take(self) -> bytes:
        """What of the body has arrived and was not taken yet."""
        pieces, self._pieces, self._size = self._pieces, [], 0
        if self._source is not None:
            self._source.resume()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body that was not taken yet, no faster than it is asked for."""
        while True:
            while not (self._pieces or self.whole):
                await self.changed()
            if not self._pieces:
                return
            yield self.take()

    async def read(self) -> bytes:
        """All of the body that was not taken yet, however large it is."""
        return b"".join([piece async for piece in self.pieces()])

    async def changed(self) -> None:
        """Until more has arrived."""
        if self._failure is not None:
            raise self._failure
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.abort()

    def __enter__(self) -> "Answer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # For the connection, which is where it arrives. It sets `status` and `headers`, and tells by
    # `wake` or `end` that there is news. ----------------------------------------------------------

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > BUFFER_BYTES and self._source is not None:
            self._source.pause()

    def end(self, failure: Exception | None = None) -> None:
        """Nothing more comes: it is whole, or has failed."""
        self._source, self._failure, self.whole = None, failure, failure is None
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
