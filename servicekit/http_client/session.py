"""Connections to one other service, beneath httpx and beneath the gateway alike.

What goes wrong on them has a name that tells whether the request may be sent again, and nothing
is sent a second time behind our back.
"""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

import aiohttp
from aiohttp.client_middlewares import ClientHandlerType
from opentelemetry import trace
from opentelemetry.instrumentation._semconv import _StabilityMode
from opentelemetry.instrumentation.aiohttp_client import create_trace_config

from servicekit.http_client.connector import (
    Attempt,
    ConnectorResolver,
    TrackingConnector,
    current_attempt,
)
from servicekit.name_resolution import TemporaryResolutionFailure
from servicekit.problems import BadGateway, Problem, ServiceUnavailable

logger = logging.getLogger(__name__)

# Shorter than the 75 s for which our servers keep an idle connection, so that in the common
# case it is the client that closes it.
KEEP_ALIVE_SECONDS = 20
MAX_HEADER_BYTES = 16 * 1024
MAX_HEADERS = 100
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class UpstreamFailure(aiohttp.ClientError):
    """A request got no whole answer from the service behind."""


class ConnectionFailed(UpstreamFailure):
    """The connection could not be made, or broke.

    `before_answer`: not one byte of the answer has arrived. `reused`: the connection had served
    another request before, so that the other side may just have closed it for being idle.
    """

    def __init__(self, why: str, *, before_answer: bool, reused: bool) -> None:
        super().__init__(why)
        self.before_answer, self.reused = before_answer, reused


class NoConnectionInTime(UpstreamFailure):
    """No free place in the pool, or no handshake, within CONNECT_SECONDS; or its name
    cannot be resolved just now."""


class AnswerBroken(UpstreamFailure):
    """What arrived is not HTTP, or not the whole of an answer."""


def problem_for(failure: UpstreamFailure) -> Problem:
    """For the client of this service. Why and where it failed is for our own log."""
    logger.warning("no answer: %s: %s", type(failure).__name__, failure)
    if isinstance(failure, NoConnectionInTime):
        return ServiceUnavailable("The service behind this one gives no connection now.")
    if isinstance(failure, ConnectionFailed):
        return BadGateway("The service behind this one cannot be reached.")
    return BadGateway("The service behind this one gave a broken answer.")


@asynccontextmanager
async def open_session(
    *, max_connections: int, traced: bool = True
) -> AsyncIterator[aiohttp.ClientSession]:
    """A session that repeats, follows, unpacks and remembers nothing.

    Its requests raise an `UpstreamFailure` if they fail before the answer's body. `traced` is
    for sessions that are used as they are: beneath httpx, whose instrumentation makes the one
    CLIENT span, it must be off.
    """
    async with aiohttp.ClientSession(
        connector=TrackingConnector(
            limit=max_connections,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            # Each new connection resolves its name anew, so that pools spread over new replicas.
            use_dns_cache=False,
            resolver=ConnectorResolver(),
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        # How long a connection may take is the connector's business, an answer the deadline's.
        timeout=aiohttp.ClientTimeout(total=None),
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        max_headers=MAX_HEADERS,
        middlewares=(_translate_errors,),
        trace_configs=(
            [create_trace_config(sem_conv_opt_in_mode=_StabilityMode.HTTP)] if traced else []
        ),
    ) as session:
        yield session


@contextmanager
def resending() -> Iterator[None]:
    """Marks the CLIENT span of what is sent inside as the second try (HTTP semantic
    conventions, `http.request.resend_count`)."""
    before = _resends.set(1)
    try:
        yield
    finally:
        _resends.reset(before)


_resends: ContextVar[int] = ContextVar("resends", default=0)


async def _translate_errors(
    request: aiohttp.ClientRequest, handler: ClientHandlerType
) -> aiohttp.ClientResponse:
    """An aiohttp client middleware. The exceptions that it raises are none of those upon which
    aiohttp would silently send an idempotent request again."""
    attempt = Attempt()
    before = current_attempt.set(attempt)
    if count := _resends.get():
        trace.get_current_span().set_attribute("http.request.resend_count", count)
    try:
        return await handler(request)
    except aiohttp.ConnectionTimeoutError as error:
        raise NoConnectionInTime(str(error)) from error
    except TimeoutError:
        raise
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, TemporaryResolutionFailure):
            raise NoConnectionInTime(str(error)) from error
        raise ConnectionFailed(str(error), before_answer=True, reused=False) from error
    except (aiohttp.ClientConnectionError, OSError) as error:
        raise ConnectionFailed(
            str(error), before_answer=not attempt.answer_begun, reused=attempt.reused
        ) from error
    except (aiohttp.ClientResponseError, aiohttp.ClientPayloadError) as error:
        raise AnswerBroken(type(error).__name__) from error
    finally:
        current_attempt.reset(before)
