"""A client of Redis: its pool, its cancelled commands, and what it knows of durability."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from servicekit.redis import create_redis, is_durable
from tests.publishing import redis_user
from tests.servers import RedisServer, running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, durable=True)
    with running(server):
        yield server


async def test_more_commands_at_once_than_connections_wait_for_one(
    queue_server: RedisServer, queue: Redis
) -> None:
    async with create_redis(queue_server.url, timeout_seconds=30, max_connections=2) as client:
        values: Any = await asyncio.gather(*(client.incr("counter") for _ in range(50)))
    assert sorted(values) == list(range(1, 51))


async def test_a_server_that_does_not_tell_counts_as_not_durable(
    queue_server: RedisServer, queue: Redis
) -> None:
    assert await is_durable(queue)
    async with (
        redis_user(queue, queue_server, "~*") as url,
        create_redis(url, timeout_seconds=5) as silent,
    ):
        assert not await is_durable(silent)


async def test_a_cancelled_command_leaves_its_reply_to_nobody(own_server: RedisServer) -> None:
    async with create_redis(own_server.url, timeout_seconds=10, max_connections=1) as client:
        get: Any = client.get
        pipeline: Any = client.pipeline
        await client.mset({"mine": "my data", "yours": "your data"})
        own_server.send(signal.SIGSTOP)
        given_up = asyncio.create_task(get("mine"))
        queued = asyncio.create_task(pipeline().get("mine").execute())
        await asyncio.sleep(0.1)
        given_up.cancel()
        await asyncio.sleep(0.1)
        queued.cancel()
        await asyncio.gather(given_up, queued, return_exceptions=True)
        own_server.send(signal.SIGCONT)
        assert given_up.cancelled()
        assert queued.cancelled()
        assert await client.get("yours") == b"your data"
        assert await pipeline().get("yours").execute() == [b"your data"]


async def test_a_cancelled_command_always_ends_its_task(
    queue_server: RedisServer, queue: Redis
) -> None:
    """A loop that is cancelled once must end, whatever it was about to do."""

    async def look_three_times(client: Redis) -> None:
        for _ in range(3):
            await client.get("anything")

    for turns in range(100):
        async with create_redis(queue_server.url, timeout_seconds=30) as client:
            looking = asyncio.create_task(look_three_times(client))
            for _ in range(turns):
                await asyncio.sleep(0)
            if looking.done():
                break
            looking.cancel()
            await asyncio.wait({looking})
            assert looking.cancelled(), f"went on although cancelled after {turns} turns"
