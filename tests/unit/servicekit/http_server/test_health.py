"""What the probes show of a process, and when that changes."""

import asyncio
import logging
from typing import Any

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from starlette.applications import Starlette

from servicekit.http_server.health import Health, health_routes
from tests.asgi import calling
from tests.waiting import eventually_async

MODULE = "servicekit.http_server.health"


class Server:
    """A dependency that a test switches on and off."""

    def __init__(self) -> None:
        self.up = self.silent = self.traced = False
        self.asked = 0

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
def health(server: Server, monkeypatch: pytest.MonkeyPatch) -> Health:
    """Checks often, once the server was available and until then too."""
    monkeypatch.setattr(f"{MODULE}._INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(f"{MODULE}._START_INTERVAL_SECONDS", 0.01)
    health = Health()
    health.add("server", server.check)
    return health


async def until_status(health: Health, status: str) -> None:
    await eventually_async(lambda: health.status, lambda found: found == status)


async def until_detail(health: Health, part: str) -> None:
    await eventually_async(lambda: health.dependencies["server"].detail, lambda d: part in d)


async def test_ready_only_after_each_required_dependency_was_available_once(
    health: Health, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checked at the pace of a start, not at that of a run, and without spans."""
    monkeypatch.setattr(f"{MODULE}._INTERVAL_SECONDS", 600)
    async with health.monitored():
        await until_detail(health, "ConnectionRefusedError: refused")
        assert health.status == "starting"
        server.up = True
        await until_status(health, "ok")
    assert health.dependencies["server"].detail == "fine"
    assert not server.traced


async def test_a_dependency_that_fails_later_only_degrades_and_each_change_is_logged_once(
    health: Health, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.up = True
    async with health.monitored():
        await until_status(health, "ok")
        for up, status in ((False, "degraded"), (True, "ok")):
            server.up, enough = up, server.asked + 3
            await until_status(health, status)
            await eventually_async(lambda: server.asked, lambda now, enough=enough: now > enough)
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.WARNING, "server is unavailable: ConnectionRefusedError: refused"),
        (logging.WARNING, "server is available again"),
    ]


async def test_a_dependency_that_does_not_answer_is_unavailable(
    health: Health, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MODULE}._TIMEOUT_SECONDS", 0.01)
    server.up = True
    async with health.monitored():
        await until_status(health, "ok")
        server.silent = True
        await until_status(health, "degraded")
        await until_detail(health, "TimeoutError")
        server.silent = False
        await until_status(health, "ok")


async def test_nothing_is_checked_after_the_end(health: Health) -> None:
    before = asyncio.all_tasks()
    async with health.monitored():
        assert len(asyncio.all_tasks()) == len(before) + 1
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(
    ("state", "alive", "ready"),
    [
        ({}, (200, "ok"), (200, "ok")),
        ({"ok": False}, (200, "ok"), (200, "degraded")),
        ({"ok": False, "was_available": False}, (200, "ok"), (503, "starting")),
        # One that is not required never holds up the start.
        (
            {"ok": False, "was_available": False, "required": False},
            (200, "ok"),
            (200, "degraded"),
        ),
        ({"draining": True}, (200, "ok"), (503, "draining")),
        # The beat that was due never came.
        ({"heartbeat_limit_seconds": 0}, (503, "stuck"), (200, "ok")),
        ({"heartbeat_limit_seconds": 60}, (200, "ok"), (200, "ok")),
    ],
    ids=str,
)
async def test_the_probes_answer(
    state: dict[str, Any], alive: tuple[int, str], ready: tuple[int, str]
) -> None:
    health = Health(heartbeat_limit_seconds=state.get("heartbeat_limit_seconds"))
    health.add("server", Server().check, required=state.get("required", True))
    server = health.dependencies["server"]
    server.was_available, server.ok = state.get("was_available", True), state.get("ok", True)
    if "draining" in state:
        health.start_draining()
    app = Starlette(routes=health_routes(health))
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
