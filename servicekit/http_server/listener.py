"""Takes in who connects.

libuv accepts one connection in each turn of its loop (since 1.45). While a loop is busy with
requests, the kernel's queue of connections fills: who waits there for seconds is seen by no clock
of ours and refused by nobody, and who finds the queue full tries again after 1, 3 and 7 s.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable

logger = logging.getLogger(__name__)

_BACKLOG = 2048
# In one turn of the loop, which has others to serve as well.
_AT_ONCE = 256
# Until descriptors are tried for again when there were none left.
_PAUSE_SECONDS = 1.0
_NONE_LEFT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener:
    """The address is taken when it is made, and refuses until `start`."""

    def __init__(
        self, sockets: list[socket.socket], create: Callable[[], asyncio.Protocol]
    ) -> None:
        self.sockets, self._create = sockets, create
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()

    @classmethod
    async def take_address(
        cls, host: str, port: int, create: Callable[[], asyncio.Protocol]
    ) -> "Listener":
        """Raises `OSError`."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        sockets: list[socket.socket] = []
        try:
            for family, kind, protocol, _, address in dict.fromkeys(found):
                sockets.append(socket.socket(family, kind, protocol))
                _bind(sockets[-1], address)
        except OSError:
            for one in sockets:
                one.close()
            raise
        return cls(sockets, create)

    def start(self) -> None:
        for one in self.sockets:
            one.listen(_BACKLOG)
            self._loop.add_reader(one.fileno(), self._accept, one)

    def close(self) -> None:
        for one in self.sockets:
            if one.fileno() >= 0:
                self._loop.remove_reader(one.fileno())
                one.close()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NONE_LEFT:
                    raise
                self._pause(listener, error)
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._begin(connection))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)

    async def _begin(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._create, connection)
        except OSError:  # it has left
            connection.close()

    def _pause(self, listener: socket.socket, error: OSError) -> None:
        logger.warning("no connection can be taken: %s", error.strerror)
        self._loop.remove_reader(listener.fileno())
        self._loop.call_later(_PAUSE_SECONDS, self._go_on, listener)

    def _go_on(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            self._loop.add_reader(listener.fileno(), self._accept, listener)


def _bind(one: socket.socket, address: object) -> None:
    one.setblocking(False)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if one.family == socket.AF_INET6:
        # Beside a socket of IPv4, which has a name of its own in the list.
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    one.bind(address)  # type: ignore[arg-type]
