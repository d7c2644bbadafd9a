import asyncio

from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from servicekit.http_server.protocol import HttpProtocol


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotImplementedError


async def test_connections_do_not_all_grow_old_at_the_same_time() -> None:
    config = Config(app, log_config=None, ws="none")
    born = asyncio.get_running_loop().time()
    ages = [HttpProtocol(config, ServerState(), {})._old_at - born for _ in range(200)]
    assert 10 <= min(ages) < 11
    assert 14 < max(ages) < 16
