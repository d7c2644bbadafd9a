"""`python -m benchmarks.pressure.fault_proxy name=port:target_port …`: TCP proxies on 127.0.0.1
that do what networks do. A line on stdin, `<name> <mode> [seconds]`, changes one of them:

- `pass`: hand on, also what was held back meanwhile
- `slow`: hand answers on that many seconds later
- `silent`: as a peer that lost its power: nothing is handed on, new connections are accepted
- `black-hole`: the same, and new connections are not even accepted
- `refuse`: reset what is open, refuse what is new (a dead port)
- `swallow`: hand requests on, and close the connection in place of each answer
"""

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import uvloop

MODES = ("pass", "slow", "silent", "black-hole", "refuse", "swallow")
_HELD = ("silent", "black-hole")
# Linux accepts one more than the backlog; the next SYN is dropped.
_FILLERS = 2


class Proxy:
    def __init__(self, port: int, target: int) -> None:
        self._port, self._target = port, target
        self.mode, self.seconds = "pass", 0.0
        self.ends: set[End] = set()
        self._server: asyncio.Server | None = None
        self._full: list[socket.socket] = []

    async def set(self, mode: str, seconds: float = 0.0) -> None:
        self.mode, self.seconds = mode, seconds
        for end in list(self.ends):
            end.follow()
        for one in self._full:
            one.close()
        self._full.clear()
        if mode in ("refuse", "black-hole"):
            await self._stop_listening()
            if mode == "black-hole":
                self._fill()
        elif self._server is None:
            await self.listen()

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Front(self), "127.0.0.1", self._port, backlog=512
        )

    async def connect(self, front: "Front") -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: Back(self, front), "127.0.0.1", self._target)
        except OSError:
            front.transport.abort()

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            await asyncio.sleep(0)

    def _fill(self) -> None:
        """A listener that nobody accepts from, and whose queue is full."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen(0)
        self._full.append(listener)
        for _ in range(_FILLERS):
            filler = socket.socket()
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect(("127.0.0.1", self._port))
            self._full.append(filler)


class End(asyncio.Protocol):
    """One of the two connections of a pair."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.peer: End | None = None
        # Came before the peer was there, or while nothing is handed on.
        self._held: list[bytes] = []
        self._is_gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.proxy.ends.add(self)
        self.follow()

    def follow(self) -> None:
        """The proxy's mode."""
        if self.proxy.mode == "refuse":
            self.transport.abort()
        elif self.proxy.mode not in _HELD and self.peer is not None:
            for data in self._held:
                self.hand_on(data)
            self._held.clear()
            if self._is_gone:
                self.proxy.ends.discard(self)
                self.later(self.peer.transport.close)

    def data_received(self, data: bytes) -> None:
        if self.peer is None or self.proxy.mode in _HELD:
            self._held.append(data)
        else:
            self.hand_on(data)

    def hand_on(self, data: bytes) -> None:
        assert self.peer is not None
        self.later(self.peer.take, data)

    def take(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def later(self, call: Callable[..., object], *arguments: object) -> None:
        call(*arguments)

    def connection_lost(self, _error: Exception | None) -> None:
        """A peer that is silent does not say that it left."""
        self._is_gone = True
        self.follow()
        if self.peer is None:
            self.proxy.ends.discard(self)


class Front(End):
    """To who connected."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connecting = asyncio.ensure_future(self.proxy.connect(self))


class Back(End):
    """To the target."""

    def __init__(self, proxy: Proxy, front: Front) -> None:
        super().__init__(proxy)
        self._front = front

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.peer, self._front.peer = self._front, self
        super().connection_made(transport)
        self._front.follow()

    def hand_on(self, data: bytes) -> None:
        if self.proxy.mode == "swallow":
            self.transport.abort()
            self._front.transport.close()
        else:
            super().hand_on(data)

    def later(self, call: Callable[..., object], *arguments: object) -> None:
        if self.proxy.mode == "slow":
            asyncio.get_running_loop().call_later(self.proxy.seconds, call, *arguments)
        else:
            call(*arguments)


async def serve(proxies: dict[str, Proxy]) -> None:
    for proxy in proxies.values():
        await proxy.listen()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print("ready", flush=True)
    while line := await reader.readline():
        name, mode, *seconds = line.decode().split()
        await proxies[name].set(mode, float(seconds[0]) if seconds else 0.0)
        print("done", flush=True)


def main(arguments: list[str]) -> None:
    proxies = {}
    for text in arguments:
        name, _, ports = text.partition("=")
        port, _, target = ports.partition(":")
        proxies[name] = Proxy(int(port), int(target))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(proxies))


if __name__ == "__main__":
    main(sys.argv[1:])
