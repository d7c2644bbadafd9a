"""httpx over our own connections, for what is no hot path: it costs three times what they do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from servicekit.http_client.answer import Answer
from servicekit.http_client.remote_service import RemoteService, open_remote_service


class RemoteServiceTransport(httpx.AsyncBaseTransport):
    """Time is limited by the pool and by who asks, not by httpx's settings."""

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
        target = request.url.raw_path.decode("ascii")
        answer = await self._service.send(request.method, target, headers, body)
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

    It keeps no cookies and follows no redirects.
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
