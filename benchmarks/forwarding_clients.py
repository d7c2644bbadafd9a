"""`python -m benchmarks.forwarding_clients`: one hop by each HTTP client, side by side (needs wrk).

The reason for docs/decisions/0047; the whole request path is measured by `make bench`.
"""

import asyncio
import re
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.processes import module
from local.free_port import free_port
from servicekit.http_client.client import open_http_client
from servicekit.http_proxy.forwarding import ForwardingApp, encoded_query
from servicekit.http_proxy.headers import answer_headers, end_to_end_headers
from servicekit.http_proxy.upstream import open_upstream
from servicekit.telemetry.setup import configure_telemetry

ROUNDS = 5
ROUND_SECONDS = 2
CONNECTIONS = 32
_BODY = b'{"items":[' + b",".join(b'{"product_id":%d}' % n for n in range(12)) + b"]}"


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """The service behind: always the same small document."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _BODY})


@asynccontextmanager
async def by_our_pool(url: str) -> AsyncIterator[ASGIApp]:
    async with open_upstream(url) as upstream:
        yield ForwardingApp(
            "/api", upstream_of=lambda _: upstream, own_headers=lambda _: [], via=b"bench"
        )


@asynccontextmanager
async def by_httpx_over_it(url: str) -> AsyncIterator[ASGIApp]:
    async with open_http_client(url) as client:
        yield _forward_by(client)


@asynccontextmanager
async def by_httpx(url: str) -> AsyncIterator[ASGIApp]:
    async with httpx.AsyncClient(base_url=url) as client:
        yield _forward_by(client)


CLIENTS: Mapping[str, Callable[[str], AbstractAsyncContextManager[ASGIApp]]] = {
    "our pool": by_our_pool,
    "httpx over it": by_httpx_over_it,
    "httpx": by_httpx,
}


def _forward_by(client: httpx.AsyncClient) -> ASGIApp:
    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        target = scope["raw_path"].decode("ascii") + encoded_query(scope)
        headers = end_to_end_headers(scope, via=b"bench")
        reply = await client.request(scope["method"], target, headers=headers)
        fields = [
            *answer_headers(reply.headers.raw),
            (b"content-length", b"%d" % len(reply.content)),
        ]
        await send({"type": "http.response.start", "status": reply.status_code, "headers": fields})
        await send({"type": "http.response.body", "body": reply.content})

    return forward


async def serve(kind: str, port: int, url: str) -> None:
    configure_telemetry("bench")
    if kind == "service":
        await _serve(answer, port)
        return
    async with CLIENTS[kind](url) as app:
        await _serve(app, port)


async def _serve(app: ASGIApp, port: int) -> None:
    config = uvicorn.Config(
        app, port=port, access_log=False, log_level="warning", lifespan="off", loop="uvloop"
    )
    await uvicorn.Server(config).serve()


@contextmanager
def running(kind: str, folder: Path, service: str = "") -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = [kind, str(port), service]
    ready_url = f"{url}/api/products"
    with module("benchmarks.forwarding_clients", folder, arguments, ready_url=ready_url):
        yield url


def measure(url: str) -> float:
    """Requests per second."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{ROUND_SECONDS}s", f"{url}/api/products"]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in report or "Socket errors" in report:
        raise RuntimeError(report)
    (rate,) = re.findall(r"Requests/sec:\s+([\d.]+)", report)
    return float(rate)


def main() -> None:
    rates: dict[str, list[float]] = {kind: [] for kind in CLIENTS}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="arloji-bench-")))
        service = stack.enter_context(running("service", folder))
        urls = {kind: stack.enter_context(running(kind, folder, service)) for kind in CLIENTS}
        for _ in range(ROUNDS + 1):
            for kind, url in urls.items():
                rates[kind].append(measure(url))
    base = statistics.median(rates["httpx over it"][1:])
    for kind, (_warm_up, *values) in rates.items():
        spread = (max(values) - min(values)) / statistics.median(values)
        print(f"{kind:20} {statistics.median(values) / base:5.2f}x  spread {spread:.0%}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
    else:
        main()
