"""The publisher with a queue shared by the run, or with one of the test's own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from tests.publishing import publisher
from tests.servers import RedisServer, running


@pytest.fixture(autouse=True)
def _probes_look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("servicekit.http_server.health._INTERVAL_SECONDS", 0.1)


@pytest.fixture
async def client(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """Its audit is in `tmp_path`."""
    async with publisher(queue_server.url, tmp_path) as client:
        yield client


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A queue to be killed and starved."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder, durable=True)
    with running(server):
        yield server


@pytest.fixture
async def own_queue(own_server: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(own_server.url, protocol=2) as client:
        yield client
