"""The gateway between two services that do what a test scripts."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from servicekit.http_proxy.with_proxy import WithProxy
from servicekit.http_server.protocol import HttpProtocol
from services.api_gw.app import create_app
from services.api_gw.settings import Settings
from tests.asgi import running, served
from tests.scripted import ScriptedServer, scripted


@pytest.fixture
async def reads() -> AsyncIterator[ScriptedServer]:
    """Stands for service-http."""
    async with scripted() as upstream:
        yield upstream


@pytest.fixture
async def orders() -> AsyncIterator[ScriptedServer]:
    """Stands for the publisher."""
    async with scripted() as upstream:
        yield upstream


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """Beside the two addresses; tests override it with `parametrize`."""
    return {}


@pytest.fixture
def gateway(
    reads: ScriptedServer, orders: ScriptedServer, more_settings: dict[str, Any]
) -> WithProxy:
    urls = {"service_http_url": reads.url, "publisher_url": orders.url}
    return create_app(Settings(host="0.0.0.0", **urls | more_settings))


@pytest.fixture
async def client(gateway: WithProxy) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the gateway, which speaks to the services over real sockets."""
    async with running(gateway) as client:
        yield client


@pytest.fixture
async def url(gateway: WithProxy) -> AsyncIterator[str]:
    """The gateway behind a real server, for what a client does to its connection."""
    async with served(gateway, http=HttpProtocol) as url:
        yield url


@pytest.fixture
async def tcp_client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield client
