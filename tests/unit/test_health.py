"""What the probes tell of a process, and when they change their mind."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from servicekit.http_server.health import Health, health_routes
from tests.asgi import calling
from tests.waiting import eventually_async


class Server:
    """A dependency that a test switches on and off."""

    def __init__(self) -> None:
        self.up = self.silent = False
        self.asked = 0
        self.traced = False

    async def check(self) -> str | None:
        self.asked += 1
        self.traced = is_instrumentation_enabled()
        if self.silent:
            await asyncio.Event().wait()
        if not self.up:
            raise ConnectionRefusedError("refused")
        return "fine"


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def health(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Health]:
    """Watches the server; often once it was reached, and until then too."""
    monkeypatch.setattr("servicekit.http_server.health._INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr("servicekit.http_server.health._START_INTERVAL_SECONDS", 0.01)
    health = Health()
    health.add("server", server.check)
    async with health.watched():
        yield health


async def until_status(health: Health, status: str) -> None:
    await eventually_async(lambda: health.status, lambda found: found == status)


async def until_detail(health: Health, part: str) -> None:
    await eventually_async(lambda: health.dependencies["server"].detail, lambda d: part in d)


async def test_ready_only_after_each_required_dependency_was_reached_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked for at the pace of a start, not at that of a run."""
    monkeypatch.setattr("servicekit.http_server.health._INTERVAL_SECONDS", 600)
    monkeypatch.setattr("servicekit.http_server.health._START_INTERVAL_SECONDS", 0.01)
    health = Health()
    health.add("server", server.check)
    async with health.watched():
        await until_detail(health, "ConnectionRefusedError: refused")
        assert health.status == "starting"
        server.up = True
        await until_status(health, "ok")
    assert health.dependencies["server"].detail == "fine"


async def test_a_dependency_lost_later_only_degrades_and_each_change_is_said_once(
    health: Health, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.up = True
    await until_status(health, "ok")
    for up, status in ((False, "degraded"), (True, "ok")):
        server.up, asked = up, server.asked
        await until_status(health, status)
        await eventually_async(
            lambda asked=asked: server.asked, lambda now, old=asked: now > old + 3
        )
    said = [(record.levelno, record.message) for record in caplog.records]
    assert said == [
        (logging.WARNING, "lost server: ConnectionRefusedError: refused"),
        (logging.WARNING, "reached server again"),
    ]


async def test_a_dependency_that_does_not_answer_counts_as_lost(
    health: Health, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.http_server.health._TIMEOUT_SECONDS", 0.01)
    server.up = True
    await until_status(health, "ok")
    server.silent = True
    await until_status(health, "degraded")
    await until_detail(health, "TimeoutError")
    server.silent = False
    await until_status(health, "ok")


async def test_an_optional_dependency_never_holds_up_the_start() -> None:
    health = Health()
    health.add("cache", Server().check, required=False)
    async with health.watched():
        assert health.status == "degraded"


async def test_what_is_asked_again_and_again_leaves_no_spans(
    health: Health, server: Server
) -> None:
    await eventually_async(lambda: server.asked)
    assert not server.traced


async def test_nothing_is_watched_after_the_end(server: Server) -> None:
    before = asyncio.all_tasks()
    health = Health()
    health.add("server", server.check)
    async with health.watched():
        assert len(asyncio.all_tasks()) == len(before) + 1
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(
    ("state", "alive", "ready"),
    [
        ({}, (200, "ok"), (200, "ok")),
        ({"lost": True}, (200, "ok"), (200, "degraded")),
        ({"never_reached": True}, (200, "ok"), (503, "starting")),
        ({"draining": True}, (200, "ok"), (503, "draining")),
        # The beat that was due never came.
        ({"heartbeat_limit_seconds": 0}, (503, "stuck"), (200, "ok")),
        ({"heartbeat_limit_seconds": 60}, (200, "ok"), (200, "ok")),
    ],
    ids=str,
)
async def test_the_probes_answer(
    state: dict[str, float], alive: tuple[int, str], ready: tuple[int, str]
) -> None:
    health = Health(heartbeat_limit_seconds=state.get("heartbeat_limit_seconds"))
    health.add("server", Server().check)
    server = health.dependencies["server"]
    server.seen_once, server.ok = "never_reached" not in state, not state.keys() & {"lost"}
    if "draining" in state:
        health.start_draining()
    app = FastAPI()
    app.include_router(health_routes(health))
    async with calling(app) as client:
        answers = [await client.get(path) for path in ("/healthz", "/readyz")]
    assert [(a.status_code, a.json()["status"]) for a in answers] == [alive, ready]
    assert answers[1].json()["checks"] == {"server": {"ok": server.ok, "detail": "not reached yet"}}


async def test_a_loop_without_heartbeat_counts_as_dead() -> None:
    health = Health(heartbeat_limit_seconds=0.05)
    assert health.alive
    await eventually_async(lambda: health.alive, lambda alive: not alive)
    health.beat()
    assert health.alive
