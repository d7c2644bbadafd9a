"""The frontend before a gateway that does what a test tells it, on a real socket.

Both run once per module, in the module's own loop; each test finds the gateway as new and
browsers without cookies.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from services.frontend.app import create_app
from services.frontend.settings import Settings
from services.frontend.trust_boundary import TrustBoundary
from tests.asgi import calling, served
from tests.integration.frontend.browsing import Browser
from tests.integration.frontend.scripted_gateway import ScriptedGateway

SECRET = SecretStr("s" * 40)


@dataclass
class RunningShop:
    gateway: ScriptedGateway
    app: TrustBoundary
    url: str


def settings_for(gateway_url: str, **more: Any) -> Settings:
    return Settings(session_secret=SECRET, api_gw_url=gateway_url, **more)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_shop() -> AsyncIterator[RunningShop]:
    gateway = ScriptedGateway()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(gateway.app()))
        app = create_app(settings_for(url, request_timeout_seconds=2.5))
        yield RunningShop(gateway, app, await stack.enter_async_context(served(app)))


@pytest.fixture
def gateway(running_shop: RunningShop) -> ScriptedGateway:
    running_shop.gateway.reset()
    return running_shop.gateway


@pytest.fixture
def app(running_shop: RunningShop) -> TrustBoundary:
    return running_shop.app


@pytest_asyncio.fixture(loop_scope="module")
async def browser(app: TrustBoundary, gateway: ScriptedGateway) -> AsyncIterator[Browser]:
    """A guest who has been here before."""
    async with calling(app) as http:
        await http.get("/orders")
        gateway.calls.clear()
        yield Browser(http, gateway)


@pytest_asyncio.fixture(loop_scope="module")
async def stranger(app: TrustBoundary, gateway: ScriptedGateway) -> AsyncIterator[Browser]:
    """Somebody without any cookie yet."""
    async with calling(app) as http:
        yield Browser(http, gateway)
