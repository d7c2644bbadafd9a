"""Connections are taken in as they come, whatever else the loop has to do."""

import asyncio
import errno
import inspect
import socket
from collections.abc import Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, cast

import pytest
import uvloop

from servicekit.http_server import listener as module
from servicekit.http_server.listener import Listener

pytestmark = pytest.mark.integration


Test = Callable[..., Coroutine[Any, Any, None]]


def on_uvloop(test: Test) -> Callable[..., None]:
    """As the services run, and not on the loop of the other tests."""

    @wraps(test)
    def run(**fixtures: Any) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test(**fixtures))
            runner.run(asyncio.sleep(0.05))  # what was accepted closes

    del run.__wrapped__  # pytest must not see a coroutine function
    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]
    return run


class Greeting(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(b"hello")
        transport.close()


@pytest.fixture
def clients() -> Iterator[list[socket.socket]]:
    made: list[socket.socket] = []
    yield made
    for one in made:
        one.close()


async def started(made: list[asyncio.Protocol]) -> Listener:
    def create() -> asyncio.Protocol:
        made.append(Greeting())
        return made[-1]

    listener = await Listener.take_address("127.0.0.1", 0, create)
    listener.start()
    return listener


def connect(listener: Listener) -> socket.socket:
    return socket.create_connection(listener.sockets[0].getsockname(), timeout=5)


@on_uvloop
async def test_all_that_wait_are_taken_in_a_few_turns_of_the_loop(
    clients: list[socket.socket],
) -> None:
    made: list[asyncio.Protocol] = []
    listener = await started(made)
    clients += [connect(listener) for _ in range(100)]  # the kernel completes them
    for _ in range(4):
        await asyncio.sleep(0)
    assert len(made) == 100
    listener.close()
    assert await asyncio.to_thread(clients[0].recv, 5) == b"hello"


@on_uvloop
async def test_without_descriptors_it_waits_and_goes_on(
    clients: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.05)
    made: list[asyncio.Protocol] = []
    listener = await started(made)

    class Full:
        tries = 0

        def fileno(self) -> int:
            return listener.sockets[0].fileno()

        def accept(self) -> tuple[socket.socket, object]:
            Full.tries += 1
            if Full.tries == 1:
                raise OSError(errno.EMFILE, "Too many open files")
            return listener.sockets[0].accept()

    clients.append(connect(listener))
    listener._accept(Full())  # type: ignore[arg-type]
    assert made == []
    async with asyncio.timeout(5):
        while not made:
            await asyncio.sleep(0.01)
    assert Full.tries > 1
    listener.close()


@on_uvloop
async def test_an_address_that_is_taken_is_told(clients: list[socket.socket]) -> None:
    listener = await started([])
    port = listener.sockets[0].getsockname()[1]
    with pytest.raises(OSError, match="in use"):
        await Listener.take_address("127.0.0.1", port, Greeting)
    listener.close()
