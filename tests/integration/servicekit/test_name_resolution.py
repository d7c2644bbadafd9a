"""Stores whose name cannot be resolved: each caller fails soon, and no other one with it."""

import asyncio
import gc
import time
from contextlib import suppress
from typing import Any

import pytest
import uvloop
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from servicekit.database.engine import create_database_engine, is_unavailable, ping
from servicekit.redis import create_redis
from tests.naming import system_names
from tests.servers import MySqlServer, RedisServer


async def test_a_redis_whose_name_hangs_keeps_no_other_one_waiting(
    queue_server: RedisServer,
) -> None:
    with system_names() as system:
        system.addresses["here.test"] = ["127.0.0.1"]
        system.hang("gone.test")
        here = queue_server.url.replace("127.0.0.1", "here.test")
        async with (
            create_redis("redis://gone.test/0", timeout_seconds=2) as gone,
            create_redis(here, timeout_seconds=2) as other,
        ):
            lost = [asyncio.ensure_future(gone.ping()) for _ in range(20)]
            while not system.asked["gone.test"]:
                await asyncio.sleep(0.01)
            assert await asyncio.wait_for(other.ping(), 2)
            for result in await asyncio.gather(*lost, return_exceptions=True):
                assert isinstance(result, RedisError)


def test_a_look_up_that_fails_after_its_caller_has_left_is_nobodys_error() -> None:
    """On the event loop of the services, which reports a future that nobody waits for."""
    reported: list[dict[str, Any]] = []

    async def leave_early() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))
        async with create_redis("redis://nobody.invalid/0", timeout_seconds=0.0001) as client:
            for _ in range(20):
                with pytest.raises(RedisError):
                    await client.ping()
        # The loop's own look-ups are done in turn.
        with suppress(OSError):
            await asyncio.get_running_loop().getaddrinfo("nobody.invalid", 0)
        gc.collect()
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(leave_early())
    assert [what["message"] for what in reported] == []


def test_a_database_whose_name_hangs_holds_no_thread_for_long() -> None:
    engine = create_database_engine(
        "mysql+pymysql://root@gone.test/shop", read_only=True, connections=1, statement_seconds=2
    )
    with system_names() as system:
        system.hang("gone.test")
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(OperationalError) as caught:
                ping(engine)
            assert is_unavailable(caught.value)
        assert time.monotonic() - began < 3
        assert system.asked["gone.test"] == 1


def test_a_database_is_found_by_the_address_that_its_name_has_now(
    mysql_server: MySqlServer,
) -> None:
    url = mysql_server.url("shop").replace("127.0.0.1", "mysql.test")
    engine = create_database_engine(url, read_only=True, connections=1, statement_seconds=2)
    with system_names() as system:
        system.addresses["mysql.test"] = ["127.0.0.2", "127.0.0.1"]
        ping(engine)
        engine.dispose()
        system.addresses["mysql.test"] = []
        ping(engine)  # by the last good address
    engine.dispose()
