"""aiohttp's connector with what our clients need: resolved names that are marked reachable or not,
and whether a response had begun when its connection broke."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from servicekit.name_resolution import TemporaryResolutionFailure, resolver

# For a place in the pool, the name and the TCP handshake together; on one network that is
# milliseconds.
CONNECT_SECONDS = 1.0
_TICK_SECONDS = 0.2


@dataclass(slots=True)
class Attempt:
    """What is known of the connection that carries the request under way."""

    reused: bool = False
    answer_begun: bool = False


current_attempt: ContextVar[Attempt] = ContextVar("attempt")


class TrackingConnector(aiohttp.TCPConnector):
    """Tracks the requests of every connection that it makes."""

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (aiohttp's signature)
    ) -> ResponseHandler:
        host, began = req.url.raw_host or "", self._loop.time()
        try:
            made = await super()._create_connection(req, traces, timeout)
        except aiohttp.ClientConnectorDNSError:
            raise
        except (aiohttp.ClientConnectorError, TimeoutError) as error:
            if resolver.mark_unreachable(host):
                failure = TemporaryResolutionFailure(socket.EAI_AGAIN, f"{host}: {error}")
                raise aiohttp.ClientConnectorDNSError(req.connection_key, failure) from error
            raise
        except asyncio.CancelledError:
            # By the timeout, and not because the caller was cancelled.
            if self._loop.time() - began > CONNECT_SECONDS / 2:
                resolver.mark_unreachable(host)
            raise
        resolver.mark_reachable(host)
        return made

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (aiohttp's signature)
    ) -> Connection:
        connection = await self._get(req.connection_key, traces)
        if connection is None:  # else nothing is waited for, and no timer is needed
            async with _connect_timeout(self._loop):
                connection = await super().connect(req, traces, timeout)
        attempt, transport = current_attempt.get(), connection.transport
        assert transport is not None
        protocol = transport.get_protocol()
        attempt.reused = isinstance(protocol, _TrackingProtocol)
        if not isinstance(protocol, _TrackingProtocol):
            assert isinstance(protocol, asyncio.Protocol)
            protocol = _TrackingProtocol(protocol, transport)
            transport.set_protocol(protocol)
        protocol.attempt = attempt
        connection.add_callback(protocol.end_request)
        return connection


@asynccontextmanager
async def _connect_timeout(loop: asyncio.AbstractEventLoop) -> AsyncIterator[None]:
    """Raises `TimeoutError` after CONNECT_SECONDS in which the event loop turned.

    A loop that stood still, as on a machine with more work than it can do, finds the answers of
    all servers and the end of every timeout at the same time, and would take them all for
    unreachable. So a tick that comes late does not count as the last one. How long a request may
    take in all is the deadline's business.
    """
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


class _TrackingProtocol(asyncio.Protocol):
    """Stands between a transport and aiohttp's protocol, and notes that bytes arrive: aiohttp
    does not tell whether an answer had begun when its connection broke, and takes what arrives
    in between two requests for the answer to the second."""

    def __init__(self, inner: asyncio.Protocol, transport: asyncio.Transport) -> None:
        self._inner, self._transport = inner, transport
        self.attempt: Attempt | None = None

    def end_request(self) -> None:
        """What arrives from now on answers no request."""
        self.attempt = None

    def data_received(self, data: bytes) -> None:
        if self.attempt is None:
            self._transport.close()
            return
        self.attempt.answer_begun = True
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self._inner.connection_lost(error)


class ConnectorResolver(AbstractResolver):
    """Each new connection resolves its name anew, by the resolver that all clients share."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        results = [
            ResolveResult(
                hostname=host,
                host=address.host,
                port=port,
                family=address.family,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await resolver.resolve(host)
            if family in (socket.AF_UNSPEC, address.family)
        ]
        # The Service of a cluster has one address for all its pods. aiohttp starts a second
        # connection after 0.25 s (RFC 8305, Connection Attempt Delay) where there is a second
        # address: here the same one, as the first SYN may have been lost or sent to a pod that has
        # just gone, and the kernel repeats it only after a second, to the same pod.
        return results * 2 if len(results) == 1 else results

    async def close(self) -> None:
        pass
