"""The frontend's way to the gateway for what its pages show: httpx, over aiohttp's transport."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
from httpx_aiohttp import AiohttpTransport
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

from servicekit.deadline import TIMEOUT_HEADER, remaining_seconds, require_time
from servicekit.http_client.second_try import is_repeatable, with_second_try
from servicekit.http_client.session import (
    AnswerBroken,
    UpstreamFailure,
    open_session,
    problem_for,
)
from servicekit.problems import (
    BadGateway,
    DeadlinePassed,
    Problem,
    ServiceUnavailable,
)

# Without a deadline, as outside of a request.
_READ_SECONDS = 10.0


@asynccontextmanager
async def open_http_client(
    base_url: str, *, max_connections: int = 100
) -> AsyncIterator[httpx.AsyncClient]:
    """A client for one service, with one CLIENT span for each request that it sends.

    It keeps no cookies, since it works for all guests at once, and follows no redirects. Use it
    through `fetch`, which knows deadlines, retries and problems.
    """
    async with open_session(max_connections=max_connections, traced=False) as session:
        transport = AiohttpTransport(client=session, verify=ssl.create_default_context())
        async with httpx.AsyncClient(
            base_url=base_url,
            transport=transport,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        ) as client:
            HTTPXClientInstrumentor.instrument_client(client)
            yield client


async def fetch(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    json: Any = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """The whole answer, if its status is 2xx, 3xx or 4xx.

    Raises `BadGateway`, `ServiceUnavailable` (with the service's own `Retry-After`) or
    `DeadlinePassed` for everything else. Sends a second time, once, only on a reused connection
    that broke before the first byte of the answer, and only a safe method or a request with an
    `Idempotency-Key`.
    """
    sent = dict(headers or {})
    repeatable = is_repeatable(method, sent)

    async def attempt() -> httpx.Response:
        require_time()
        left = remaining_seconds()
        if left is not None:
            sent[TIMEOUT_HEADER] = str(max(1, int(left * 1000)))
        return await client.request(
            method,
            path,
            params=params,
            json=json,
            headers=sent,
            timeout=httpx.Timeout(_READ_SECONDS if left is None else left, connect=None),
        )

    try:
        answer = await with_second_try(attempt, lambda failure: repeatable and failure.reused)
    except UpstreamFailure as failure:
        raise problem_for(failure) from failure
    except httpx.TimeoutException as error:
        raise DeadlinePassed("The deadline passed.") from error
    except httpx.HTTPError as error:
        raise problem_for(AnswerBroken(str(error))) from error
    if answer.status_code >= 500:
        raise _problem_of(answer)
    return answer


async def check_alive(client: httpx.AsyncClient) -> None:
    """Raises unless `/healthz` is answered with 200. For readiness."""
    (await client.get("/healthz")).raise_for_status()


def _problem_of(answer: httpx.Response) -> Problem:
    if answer.status_code == 503:
        seconds = answer.headers.get("Retry-After", "")
        return ServiceUnavailable(
            "The service behind this one is not able now.",
            retry_after_seconds=int(seconds) if seconds.isdigit() else 1,
        )
    if answer.status_code == 504:
        return DeadlinePassed("The service behind this one took too long.")
    return BadGateway("The service behind this one failed.")
