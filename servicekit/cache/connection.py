"""The connection to the cache: what many ask in one turn of the event loop leaves in one packet.

redis-py takes a connection out of its pool for each command and waits for its reply alone, which
costs as much as the rest of a cached answer. Here one connection serves all, and replies come in
the order of the commands. redis-py still opens it: address, account, database and TLS are its work.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis
from redis._parsers.base import BaseParser
from redis.asyncio import Redis
from redis.exceptions import ConnectionError, InvalidResponse, RedisError, TimeoutError


class CacheConnection(asyncio.Protocol):
    """Open until `is_open` is false; a command on a closed one fails with `ConnectionError`.

    A caller that leaves takes nothing from the others: its reply is read and dropped. A reply that
    is late closes the connection, since nobody knows which replies would follow.
    """

    _owner: Any  # redis-py's connection, which opened it
    _transport: asyncio.Transport

    def __init__(self, timeout_seconds: float) -> None:
        self.is_open = False
        self._timeout_seconds = timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._parser = hiredis.Reader(
            protocolError=InvalidResponse, replyError=BaseParser.parse_error
        )
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._unsent: list[bytes] = []
        self._watch: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, client: Redis, timeout_seconds: float) -> "CacheConnection":
        """Raises `RedisError` or `OSError`. The client's own pool never sees it."""
        pool: Any = client.connection_pool
        opened = pool.make_connection()
        try:
            await opened.connect()
        except BaseException:
            opened._close()
            raise
        self = cls(timeout_seconds)
        # The set-up has read all of its replies: from here on they are ours.
        self._owner = opened
        self._transport = cast(asyncio.Transport, opened._writer.transport)
        self._transport.set_protocol(self)
        self.is_open = not self._transport.is_closing()
        return self

    def ask(self, *command: Any) -> "asyncio.Future[Any]":
        """The reply to a command of bytes, texts and numbers; an error of Redis is raised as
        redis-py would raise it."""
        future = self._loop.create_future()
        if not self.is_open:
            future.set_exception(ConnectionError("The connection is closed."))
            return future
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append(hiredis.pack_command(command))
        self._waiting.append((future, self._loop.time()))
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout_seconds, self._look_for_late)
        return future

    def close(self, error: RedisError | None = None) -> None:
        """What is under way fails with the error."""
        self.is_open = False
        if self._watch is not None:
            self._watch.cancel()
        error = error or ConnectionError("The connection was closed.")
        while self._waiting:
            future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(error)
        self._transport.abort()
        self._owner._close()  # or it would complain of being left open

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed(data)
            while (reply := self._parser.gets()) is not False:
                self._settle(reply)
        except RedisError as error:
            self.close(error)

    def connection_lost(self, error: Exception | None) -> None:
        if self.is_open:
            self.close(ConnectionError(f"Redis closed the connection ({error or 'end of data'})."))

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self.is_open:
            self._transport.write(b"".join(unsent))

    def _settle(self, reply: Any) -> None:
        if not self._waiting:
            raise InvalidResponse("a reply that nobody asked for")
        future, _ = self._waiting.popleft()
        if future.done():
            return  # whoever asked has left
        if isinstance(reply, RedisError):
            future.set_exception(reply)
        else:
            future.set_result(reply)

    def _look_for_late(self) -> None:
        """One timer for all: the oldest command is the first to be late."""
        if not self._waiting:
            self._watch = None
            return
        oldest, asked_at = self._waiting[0]
        left: float = asked_at + self._timeout_seconds - self._loop.time()
        # If it was we who were late, its reply may lie there unread: once more around the loop.
        again: Callable[[], None] = self._look_for_late
        if left <= 0:
            left, again = 0, lambda: self._give_up(oldest)
        self._watch = self._loop.call_later(left, again)

    def _give_up(self, late: "asyncio.Future[Any]") -> None:
        if self._waiting and self._waiting[0][0] is late:
            self.close(TimeoutError("No reply in time."))
        else:
            self._look_for_late()
