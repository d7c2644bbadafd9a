"""The frontend's way to the gateway for what its pages show: httpx, over our own connections."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from servicekit.deadline import TIMEOUT_HEADER, remaining_seconds, require_time
from servicekit.http_client.answer import Answer
from servicekit.http_client.failures import AnswerBroken, UpstreamFailure, problem_for
from servicekit.http_client.remote_service import RemoteService, open_remote_service
from servicekit.http_client.second_try import is_repeatable, with_second_try
from servicekit.problems import (
    BadGateway,
    DeadlinePassed,
    Problem,
    ServiceUnavailable,
)

_RESENDS = "arloji.resends"


class RemoteServiceTransport(httpx.AsyncBaseTransport):
    """Time is limited by the deadline of who asks and by the pool, not by httpx's settings."""

    def __init__(self, service: RemoteService) -> None:
        self._service = service

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        # Host and transfer coding are the pool's to write, and so is the length of a whole body.
        written = {b"host", b"connection", b"transfer-encoding"}
        body = request.stream if "transfer-encoding" in request.headers else await request.aread()
        if isinstance(body, bytes):
            written.add(b"content-length")
        headers = [
            (name.lower(), value)
            for name, value in request.headers.raw
            if name.lower() not in written
        ]
        answer = await self._service.send(
            request.method,
            request.url.raw_path.decode("ascii"),
            headers,
            body,
            resends=request.extensions.get(_RESENDS, 0),
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_AnswerStream(answer))


class _AnswerStream(httpx.AsyncByteStream):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._answer.pieces()

    async def aclose(self) -> None:
        self._answer.close()


@asynccontextmanager
async def open_http_client(
    base_url: str, *, max_connections: int = 100
) -> AsyncIterator[httpx.AsyncClient]:
    """A client for one service, with one CLIENT span for each request that it sends.

    It keeps no cookies, since it works for all guests at once, and follows no redirects. Use it
    through `fetch`, which knows deadlines, retries and problems.
    """
    async with (
        open_remote_service(base_url, max_connections=max_connections) as service,
        httpx.AsyncClient(
            base_url=base_url,
            transport=RemoteServiceTransport(service),
            timeout=None,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        ) as client,
    ):
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

    async def attempt(resends: int) -> httpx.Response:
        require_time()
        left = remaining_seconds()
        if left is not None:
            sent[TIMEOUT_HEADER] = str(max(1, int(left * 1000)))
        extensions = {_RESENDS: resends}
        async with asyncio.timeout(left):
            return await client.request(
                method, path, params=params, json=json, headers=sent, extensions=extensions
            )

    try:
        answer = await with_second_try(attempt, lambda failure: repeatable and failure.reused)
    except UpstreamFailure as failure:
        raise problem_for(failure) from failure
    except TimeoutError as error:
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
