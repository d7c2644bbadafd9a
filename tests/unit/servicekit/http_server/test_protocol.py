"""When a connection is given its last answer."""

from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from servicekit.http_server.exchange import Exchange
from servicekit.http_server.protocol import HttpProtocol


class Clock:
    now = 0.0

    def time(self) -> float:
        return self.now


async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise NotImplementedError


def test_connections_end_from_ten_to_fifteen_seconds_old_and_not_all_at_the_same_time() -> None:
    clock: Any = Clock()
    config = Config(app, log_config=None, ws="none")
    connections: Any = [HttpProtocol(config, ServerState(), {}, clock) for _ in range(200)]

    exchange: Any = Exchange(connections[0], {}, keep_alive=True, expects=False)
    ended = []
    for clock.now in (9.99, 12.5, 15):
        ended.append(sum(one.is_last(exchange) for one in connections))
    assert ended[0] == 0
    assert 50 < ended[1] < 150
    assert ended[2] == 200
