import asyncio
from collections.abc import Callable

import pytest

from servicekit.health import Health


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


class Server:
    """A dependency that a test switches on and off."""

    def __init__(self) -> None:
        self.up = False

    async def check(self) -> str | None:
        if not self.up:
            raise ConnectionRefusedError("refused")
        return "fine"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("servicekit.health._INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr("servicekit.health._START_INTERVAL_SECONDS", 0.01)


@pytest.mark.usefixtures("quick")
async def test_ready_only_after_each_required_dependency_was_reached_once() -> None:
    server, health = Server(), Health()
    health.add("server", server.check)
    async with health.watched():
        await until(lambda: "refused" in health.dependencies["server"].detail)
        assert health.status == "starting"
        server.up = True
        await until(lambda: health.status == "ok")


@pytest.mark.usefixtures("quick")
async def test_a_dependency_lost_later_only_degrades() -> None:
    server, health = Server(), Health()
    server.up = True
    health.add("server", server.check)
    async with health.watched():
        await until(lambda: health.status == "ok")
        server.up = False
        await until(lambda: health.status == "degraded")


@pytest.mark.usefixtures("quick")
async def test_an_optional_dependency_never_holds_up_the_start() -> None:
    health = Health()
    health.add("cache", Server().check, required=False)
    async with health.watched():
        assert health.status == "degraded"


async def test_draining_wins_over_everything() -> None:
    health = Health()
    assert health.status == "ok"
    health.start_draining()
    assert health.status == "draining"


async def test_a_loop_without_heartbeat_counts_as_dead() -> None:
    health = Health(heartbeat_limit_seconds=0.05)
    assert health.alive
    await until(lambda: not health.alive)
    health.beat()
    assert health.alive
