"""A TCP connection to a service by its name: resolved anew each time, and not kept waiting by one
packet that was lost."""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from servicekit.http_client.failures import ConnectionFailed, NoConnectionInTime
from servicekit.name_resolution import Address, TemporaryResolutionFailure, resolver

# For a place in the pool, the name and the TCP handshake together; on one network that is
# milliseconds.
CONNECT_SECONDS = 1.0
_TICK_SECONDS = 0.2
# RFC 8305 §8, Connection Attempt Delay.
_NEXT_ATTEMPT_SECONDS = 0.25


async def connect(host: str, port: int) -> socket.socket:
    """A connected socket. Raises `ConnectionFailed` or `NoConnectionInTime`; the caller limits the
    time by `connect_timeout`."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        addresses = await resolver.resolve(host)
    except TemporaryResolutionFailure as error:
        raise NoConnectionInTime(str(error)) from error
    except OSError as error:
        raise ConnectionFailed(str(error), before_answer=True, reused=False) from error
    try:
        # The Service of a cluster has one address for all its pods: the second attempt is to the
        # same one, as the first SYN may have been lost or sent to a pod that has just gone, and
        # the kernel repeats it only after a second, to the same pod.
        connected = await _race(addresses * 2 if len(addresses) == 1 else addresses, port)
    except OSError as error:
        why = f"{host}:{port}: {error}"
        if resolver.mark_unreachable(host):
            raise NoConnectionInTime(why) from error
        raise ConnectionFailed(why, before_answer=True, reused=False) from error
    except asyncio.CancelledError:
        # By the timeout, and not because the caller was cancelled.
        if loop.time() - began > CONNECT_SECONDS / 2:
            resolver.mark_unreachable(host)
        raise
    resolver.mark_reachable(host)
    return connected


async def _race(addresses: Iterable[Address], port: int) -> socket.socket:
    """The first connection of attempts that begin one after the other, each as soon as the one
    before has failed or taken its delay (RFC 8305 §5). Whatever else is opened is closed."""
    left, running = deque(addresses), set[asyncio.Task[socket.socket]]()
    failure: BaseException = OSError("no address")
    try:
        while left or running:
            if left:
                running.add(asyncio.create_task(_attempt(left.popleft(), port)))
            done, running = await asyncio.wait(
                running,
                timeout=_NEXT_ATTEMPT_SECONDS if left else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                if (error := task.exception()) is None:
                    running |= done - {task}
                    return task.result()
                failure = error
        raise failure
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_close_result)


async def _attempt(address: Address, port: int) -> socket.socket:
    attempt = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        attempt.setblocking(False)
        await asyncio.get_running_loop().sock_connect(attempt, (address.host, port))
    except BaseException:
        attempt.close()
        raise
    return attempt


def _close_result(task: asyncio.Task[socket.socket]) -> None:
    """Of an attempt that nobody waits for any more, and that had succeeded all the same."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


@asynccontextmanager
async def connect_timeout() -> AsyncIterator[None]:
    """Raises `TimeoutError` after CONNECT_SECONDS in which the event loop turned.

    A loop that stood still, as on a machine with more work than it can do, finds the answers of
    all servers and the end of every timeout at the same time, and would take them all for
    unreachable. So a tick that comes late does not count as the last one. How long a request may
    take in all is the deadline's business.
    """
    loop = asyncio.get_running_loop()
    ticks = round(CONNECT_SECONDS / _TICK_SECONDS)
    timer: asyncio.TimerHandle

    def tick(due: float) -> None:
        nonlocal ticks, timer
        now = loop.time()
        ticks -= 1
        if ticks <= 0 and now - due < _TICK_SECONDS:
            limit.reschedule(now)
        else:
            timer = loop.call_at(now + _TICK_SECONDS, tick, now + _TICK_SECONDS)

    due = loop.time() + _TICK_SECONDS
    timer = loop.call_at(due, tick, due)
    try:
        async with asyncio.timeout(None) as limit:
            yield
    finally:
        timer.cancel()
